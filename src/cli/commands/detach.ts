import { AshlarError, asAshlarError } from '../../base/error.js'
import { isId, makeRequestId } from '../../base/ids.js'
import type { Client } from '../../client/client.js'
import { listAttachments } from '../../client/pages.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import type { Session } from '../session.js'

/** Draining ends by the node's own deadline; this is past it. */
const patienceMs = 30_000
const pollMs = 200

export const detach: CommandSpec = {
  name: 'detach',
  summary: 'detach a volume from its host, after what is under way has finished',
  arguments: '<volume>',
  examples: ['ashlar detach db'],
  async run(session, input) {
    await session.heading(`Detaching volume ${input.first}`)
    const client = await session.client()
    const attachments = await attachmentsOf(session, client, input.first)
    for (const attachment of attachments) await remove(session, client, attachment)
    const message = { volume: input.first, detached: attachments }
    await session.print(message, () => `OK\nVolume ${input.first} is detached.\n`)
    return exitCodes.ok
  },
}

/** Ids of the volume's attachments. An attachment's own id does too. */
async function attachmentsOf(session: Session, client: Client, name: string): Promise<string[]> {
  try {
    const found = await listAttachments(client, { volume: name }, session.call)
    if (found.length > 0) return found.map(({ id }) => id)
  } catch (thrown) {
    const unknown = asAshlarError(thrown).code === 'VOLUME_NOT_FOUND'
    if (unknown && isId(name)) return [name]
    throw thrown
  }
  throw new AshlarError('ATTACHMENT_NOT_FOUND', `volume ${name} is not attached`)
}

async function remove(session: Session, client: Client, attachment: string): Promise<void> {
  const { clock, signal } = session.io
  const answer = await client.attachments.deleteAttachment(
    { attachment, requestId: makeRequestId() },
    session.call,
  )
  if (answer.attachment === null) return
  const endMs = clock.monotonicMs() + patienceMs
  while (await exists(session, client, attachment)) {
    if (clock.monotonicMs() > endMs) {
      throw new AshlarError(
        'DEADLINE',
        `attachment ${attachment} is still detaching; it goes when its zone is back`,
        {
          metadata: { mend: `look again with \`ashlar attachment ${attachment}\`` },
        },
      )
    }
    await clock.sleep(pollMs, signal)
  }
}

async function exists(session: Session, client: Client, attachment: string): Promise<boolean> {
  try {
    await client.attachments.getAttachment({ attachment }, session.call)
    return true
  } catch (thrown) {
    if (asAshlarError(thrown).code === 'ATTACHMENT_NOT_FOUND') return false
    throw thrown
  }
}
