import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { confirmed } from '../confirm.js'
import { exitCodes } from '../exit-code.js'
import { forceOptions } from '../input.js'

export const snapshotCloneDelete: CommandSpec = {
  name: 'snapshot-clone-delete',
  summary: 'delete the fast-restore clone of a snapshot in a zone; volumes made from it stay',
  arguments: '<snapshot> <zone>',
  options: forceOptions,
  examples: ['ashlar snapshot-clone-delete db-monday local-2 -f'],
  async run(session, input) {
    const [snapshot = '', zone = ''] = input.arguments
    const what = `zonal clone of snapshot ${snapshot} in zone ${zone}`
    if (!(await confirmed(session, input, what))) return exitCodes.ok
    await session.heading(`Deleting ${what}`)
    const client = await session.client()
    const requestId = makeRequestId()
    await client.snapshots.deleteSnapshotClone({ snapshot, zone, requestId }, session.call)
    const message = { snapshot, zone, deleted: true }
    await session.print(
      message,
      () => `OK\nZonal clone of snapshot ${snapshot} in zone ${zone} is deleted.\n`,
    )
    return exitCodes.ok
  },
}
