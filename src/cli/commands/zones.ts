import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatTable } from '../table.js'
import { reasonsText, size, stateWord } from '../text.js'

export const zones: CommandSpec = {
  name: 'zones',
  summary: 'list the zones of the region',
  examples: ['ashlar zones'],
  async run(session) {
    await session.heading('Listing zones')
    const client = await session.client()
    const found = (await client.topology.listZones({}, session.call)).zones
    await session.print(found, () =>
      formatTable({
        columns: ['Name', 'Region', 'Status', 'Nodes', 'Volumes', 'Capacity', 'Free', 'Reasons'],
        rows: found.map((zone) => [
          zone.name,
          zone.region,
          stateWord(zone.status),
          `${zone.nodesAvailable}/${zone.nodes}`,
          String(zone.volumes),
          size(zone.poolCapacityBytes),
          size(zone.poolFreeBytes),
          reasonsText(zone.statusReasons),
        ]),
      }),
    )
    return exitCodes.ok
  },
}
