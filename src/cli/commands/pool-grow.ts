import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatDetails } from '../table.js'
import { size } from '../text.js'

/** A checkpoint of a busy pool on a slow disk. */
const deadlineMs = 120_000

export const poolGrow: CommandSpec = {
  name: 'pool-grow',
  summary: "make a node's pool as large as its configuration says now, while hosts go on",
  arguments: '<node>',
  examples: ['ashlar pool-grow local-1-a'],
  async run(session, input) {
    const node = input.first
    await session.heading(`Growing the pool of node ${node}`)
    const client = await session.client()
    const options = { ...session.call, deadlineMs }
    const grown = await client.operator.growPool({ node }, options)
    const { capacityBytes, capacityBeforeBytes } = grown
    const same = capacityBytes === capacityBeforeBytes
    await session.print({ node, ...grown }, () =>
      formatDetails([
        ['Node', node],
        ['Capacity', `${size(capacityBytes)} (${capacityBytes} bytes)`],
        [
          'Before',
          same
            ? 'the same: set pool_capacity in its configuration, or enlarge its device, first'
            : `${size(capacityBeforeBytes)} (${capacityBeforeBytes} bytes)`,
        ],
      ]),
    )
    return exitCodes.ok
  },
}
