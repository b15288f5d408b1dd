import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { cloneList } from '../snapshot-view.js'

export const snapshotClones: CommandSpec = {
  name: 'snapshot-clones',
  summary: 'list the fast-restore clones of a snapshot, by zone',
  arguments: '<snapshot>',
  examples: ['ashlar snapshot-clones db-monday'],
  async run(session, input) {
    const snapshot = input.first
    await session.heading(`Listing zonal clones of snapshot ${snapshot}`)
    const client = await session.client()
    const { clones } = await client.snapshots.listSnapshotClones({ snapshot }, session.call)
    await session.print(clones, () => cloneList(clones))
    return exitCodes.ok
  },
}
