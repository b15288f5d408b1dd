import { attachmentDetails, nbdClientLine } from '../attachment-view.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'

export const attachment: CommandSpec = {
  name: 'attachment',
  summary: 'show an attachment, its NBD URIs and its nbd-client line',
  arguments: '<attachment>',
  examples: ['ashlar attachment r001-0f8fad5b-d9cb-469f-a165-70867728950e'],
  async run(session, input) {
    await session.heading(`Getting attachment ${input.first}`)
    const client = await session.client()
    const found = await client.attachments.getAttachment({ attachment: input.first }, session.call)
    await session.print({ ...found, nbdClient: nbdClientLine(found) }, () =>
      attachmentDetails(found),
    )
    return exitCodes.ok
  },
}
