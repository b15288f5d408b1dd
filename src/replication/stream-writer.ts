// Writes to a gRPC stream no faster than the peer reads.

import type { EventEmitter } from 'node:events'

export interface WritableStream<Message> extends EventEmitter {
  write(message: Message): boolean
}

/** Settles when the stream takes more. Rejects when it ends instead, or when aborted. */
export async function writeMessage<Message>(
  stream: WritableStream<Message>,
  message: Message,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  if (stream.write(message)) return
  await new Promise<void>((resolve, reject) => {
    const done = (settle: () => void) => {
      stream.off('drain', onDrain)
      stream.off('close', onEnd)
      stream.off('error', onEnd)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onDrain = () => done(resolve)
    const onEnd = () => done(() => reject(new Error('the stream ended')))
    const onAbort = () => done(() => reject(signal.reason))
    stream.on('drain', onDrain)
    stream.on('close', onEnd)
    stream.on('error', onEnd)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
