import { AshlarError } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import { limits } from '../../base/limits.js'
import type { Attachment__Output as Attachment } from '../../gen/ashlar/v1/Attachment.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'

export const attach: CommandSpec = {
  name: 'attach',
  summary: 'attach a volume to a host and print its NBD URI, alone, on stdout',
  arguments: '<volume>',
  options: [
    ['--host <host>', 'name of the host (default: this one)'],
    ['--read-only', 'refuse writes'],
    ['--tcp', 'the URI of the TCP listener instead of the Unix socket'],
  ],
  examples: [
    'nbdinfo "$(ashlar attach db)"',
    'qemu-img convert -n disk.qcow2 "$(ashlar attach db)"',
    'ashlar attach db --host web-1 --tcp',
  ],
  async run(session, input) {
    const tcp = input.flag('tcp')
    await session.heading(`Attaching volume ${input.first}`)
    const client = await session.client()
    const attachment = await client.attachments.createAttachment(
      {
        volume: input.first,
        host: input.text('host') ?? session.io.host.slice(0, limits.hostLengthMax),
        readOnly: input.flag('readOnly'),
        wantTcp: tcp,
        requestId: makeRequestId(),
      },
      session.call,
    )
    const uri = uriOf(attachment, tcp)
    await session.print(attachment, () => `${uri}\n`)
    return exitCodes.ok
  },
}

function uriOf(attachment: Attachment, tcp: boolean): string {
  const uri = tcp ? attachment.nbdTcpUri : attachment.nbdUnixUri || attachment.nbdTcpUri
  if (uri !== '') return uri
  const missing = tcp ? 'TCP listener' : 'NBD listener'
  throw new AshlarError('FAILED_PRECONDITION', `zone ${attachment.zone} has no ${missing}`, {
    metadata: { mend: 'give its node one in the configuration' },
  })
}
