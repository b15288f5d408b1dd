import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { deleteEach } from '../confirm.js'
import { forceOptions } from '../input.js'

export const snapshotDelete: CommandSpec = {
  name: 'snapshot-delete',
  summary: 'delete snapshots, pending ones included',
  arguments: '<snapshot...>',
  options: forceOptions,
  examples: ['ashlar snapshot-delete db-monday', 'ashlar snapshot-delete -f db-monday db-tuesday'],
  run: (session, input) =>
    deleteEach(session, input, {
      noun: 'snapshot',
      async remove(snapshot) {
        const client = await session.client()
        const requestId = makeRequestId()
        const answer = await client.snapshots.deleteSnapshot({ snapshot, requestId }, session.call)
        return answer.snapshot === null
      },
    }),
}
