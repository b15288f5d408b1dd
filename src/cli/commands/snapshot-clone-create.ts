import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { type CloneName, cloneWork, followClone, followSnapshot } from '../follow.js'
import type { Session } from '../session.js'
import { cloneDetails } from '../snapshot-view.js'

export const snapshotCloneCreate: CommandSpec = {
  name: 'snapshot-clone-create',
  aliases: ['snapshot-clc'],
  summary: 'keep a fast-restore clone of a snapshot in a zone',
  arguments: '<snapshot>',
  options: [
    ['--zone <zone>', 'where it is to be'],
    ['--wait', 'until it is available: volumes created there then need no hydration'],
  ],
  examples: [
    'ashlar snapshot-clone-create db-monday --zone local-2',
    'ashlar snapshot-clc db-monday --zone local-2 --wait',
  ],
  async run(session, input) {
    const zone = input.required('zone', '--zone')
    const clone = { snapshot: input.first, zone }
    await session.heading(`Creating zonal clone of snapshot ${input.first}`)
    const client = await session.client()
    const request = { ...clone, requestId: makeRequestId() }
    const created = await client.snapshots.createSnapshotClone(request, session.call)
    const shown = input.flag('wait') && !created.available ? await whole(session, clone) : created
    await session.print(shown, () => cloneDetails(shown))
    return exitCodes.ok
  },
}

/** A clone starts when its snapshot is stable. */
async function whole(session: Session, clone: CloneName) {
  const client = await session.client()
  const snapshot = await client.snapshots.getSnapshot({ snapshot: clone.snapshot }, session.call)
  await followSnapshot(session, snapshot, cloneWork(clone))
  return await followClone(session, clone)
}
