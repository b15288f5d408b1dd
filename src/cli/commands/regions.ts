import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatTable } from '../table.js'
import { orNothing, stateWord } from '../text.js'

export const regions: CommandSpec = {
  name: 'regions',
  summary: 'list this region and its peers',
  examples: ['ashlar regions'],
  async run(session) {
    await session.heading('Listing regions')
    const client = await session.client()
    const found = (await client.topology.listRegions({}, session.call)).regions
    await session.print(found, () =>
      formatTable({
        columns: ['Name', 'Number', 'Endpoint', 'Status', 'Account'],
        rows: found.map((region) => [
          region.name,
          `r${String(region.number).padStart(3, '0')}`,
          orNothing(region.endpoint),
          stateWord(region.status),
          orNothing(region.account),
        ]),
      }),
    )
    return exitCodes.ok
  },
}
