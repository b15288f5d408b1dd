import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { cloneDetails } from '../snapshot-view.js'

export const snapshotClone: CommandSpec = {
  name: 'snapshot-clone',
  aliases: ['snapshot-cl'],
  summary: 'show the fast-restore clone of a snapshot in a zone',
  arguments: '<snapshot> <zone>',
  examples: ['ashlar snapshot-clone db-monday local-2'],
  async run(session, input) {
    const [snapshot = '', zone = ''] = input.arguments
    await session.heading(`Getting zonal clone of snapshot ${snapshot} in zone ${zone}`)
    const client = await session.client()
    const found = await client.snapshots.getSnapshotClone({ snapshot, zone }, session.call)
    await session.print(found, () => cloneDetails(found))
    return exitCodes.ok
  },
}
