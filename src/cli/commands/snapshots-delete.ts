import { asAshlarError } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import { listSnapshots } from '../../client/pages.js'
import type { CommandSpec } from '../command.js'
import { deleteEach } from '../confirm.js'
import { exitCodes } from '../exit-code.js'
import { forceOptions } from '../input.js'
import type { Session } from '../session.js'

export const snapshotsDelete: CommandSpec = {
  name: 'snapshots-delete',
  summary: 'delete all snapshots of a volume, pending ones included',
  options: [['--volume <volume>', 'also a deleted one, by id or CRN'], ...forceOptions],
  examples: ['ashlar snapshots-delete --volume db', 'ashlar snapshots-delete --volume db -f'],
  async run(session, input) {
    const sourceVolume = input.required('volume', '--volume')
    const found = await listSnapshots(await session.client(), { sourceVolume }, session.call)
    if (found.length === 0) {
      session.note(`Volume ${sourceVolume} has no snapshots.`)
      await session.print([], () => '')
      return exitCodes.ok
    }
    // By id: a name may be given to another snapshot while the user thinks.
    return await deleteEach(session, input, {
      noun: 'snapshot',
      names: found.map(({ id }) => id),
      remove: (snapshot) => remove(session, snapshot),
    })
  },
}

async function remove(session: Session, snapshot: string): Promise<boolean> {
  const client = await session.client()
  try {
    const request = { snapshot, requestId: makeRequestId() }
    const answer = await client.snapshots.deleteSnapshot(request, session.call)
    return answer.snapshot === null
  } catch (thrown) {
    // Somebody else was quicker.
    if (asAshlarError(thrown).code === 'SNAPSHOT_NOT_FOUND') return true
    throw thrown
  }
}
