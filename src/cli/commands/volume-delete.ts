import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { deleteEach } from '../confirm.js'
import { forceOptions } from '../input.js'

export const volumeDelete: CommandSpec = {
  name: 'volume-delete',
  summary: 'delete volumes; their snapshots stay',
  arguments: '<volume...>',
  options: forceOptions,
  examples: ['ashlar volume-delete db', 'ashlar volume-delete -f scratch-1 scratch-2'],
  run: (session, input) =>
    deleteEach(session, input, {
      noun: 'volume',
      async remove(volume) {
        const client = await session.client()
        const requestId = makeRequestId()
        const answer = await client.volumes.deleteVolume({ volume, requestId }, session.call)
        return answer.volume === null
      },
    }),
}
