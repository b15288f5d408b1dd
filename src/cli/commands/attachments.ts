import { listAttachments } from '../../client/pages.js'
import { attachmentList } from '../attachment-view.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'

export const attachments: CommandSpec = {
  name: 'attachments',
  summary: 'list attachments, newest first',
  options: [
    ['--volume <volume>', 'only those of this volume'],
    ['--host <host>', 'only those of this host'],
    ['--zone <zone>', 'only those of this zone'],
  ],
  examples: ['ashlar attachments', 'ashlar attachments --host web-1'],
  async run(session, input) {
    await session.heading('Listing attachments')
    const filter = {
      volume: input.text('volume') ?? '',
      host: input.text('host') ?? '',
      zone: input.text('zone') ?? '',
    }
    const found = await listAttachments(await session.client(), filter, session.call)
    await session.print(found, () => attachmentList(found))
    return exitCodes.ok
  },
}
