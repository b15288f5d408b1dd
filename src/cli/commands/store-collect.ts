import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { storeDetails } from '../store-view.js'
import { size } from '../text.js'

/** It waits for snapshots that are under way, and reads every tree. */
const deadlineMs = 24 * 3600 * 1000

export const storeCollect: CommandSpec = {
  name: 'store-collect',
  summary: 'give back what no snapshot needs any more; it also happens by itself',
  examples: ['ashlar store-collect'],
  async run(session) {
    await session.heading('Collecting the store')
    const client = await session.client()
    const options = { ...session.call, deadlineMs }
    const collected = await client.operator.collectStore({}, options)
    const { after } = collected
    await session.print(collected, () => {
      const rows = [
        ['Freed', `${size(collected.freedBytes)} (${collected.freedBytes} bytes)`],
        ['Packs deleted', String(collected.packsDeleted)],
        ['Packs rewritten', String(collected.packsRewritten)],
        ['Chunks dropped', collected.chunksDropped],
      ] as const
      return after === null ? '' : storeDetails(after, rows)
    })
    return exitCodes.ok
  },
}
