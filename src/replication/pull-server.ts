// The serving end of a pull. The source only serves: what to send is asked for by the receiver,
// frame by frame, and answered by a native channel.

import type { ServerDuplexStream } from '@grpc/grpc-js'

import { AshlarError, asAshlarError } from '../base/error.js'
import type { Logger } from '../base/logger.js'
import type { OpenedSource, PullSource } from '../engine/puller.js'
import type { Binding, ChannelHandle } from '../native/binding.js'
import { admit, requireCaller } from './caller.js'
import { writeMessage } from './stream-writer.js'
import type { PullRequest, PullResponse } from './wire.js'

export interface PullServerOptions {
  readonly native: Binding
  readonly source: PullSource
  readonly log: Logger
  /** With TLS, the only site that may pull. Default: every site that the source has something for. */
  readonly onlyCaller?: string
}

type Stream = ServerDuplexStream<PullRequest, PullResponse>

/** Pulls served at once; a receiver opens a handful. */
const streamsMax = 1024

export class PullServer {
  readonly #options: PullServerOptions
  readonly #streams = new Set<AbortController>()

  constructor(options: PullServerOptions) {
    this.#options = options
  }

  /** For `server.addService(pullServiceDefinition, …)`. */
  get handlers() {
    return { Pull: (stream: Stream) => void this.#serve(stream) }
  }

  stop(): void {
    const reason = new AshlarError('SHUTTING_DOWN', 'the source is stopping')
    for (const stop of this.#streams) stop.abort(reason)
  }

  async #serve(stream: Stream): Promise<void> {
    const stop = new AbortController()
    const cancelled = () => stop.abort(new AshlarError('CANCELLED', 'the receiver has gone'))
    stream.on('cancelled', cancelled)
    stream.on('close', cancelled)
    stream.on('error', cancelled)
    this.#streams.add(stop)
    try {
      // Also while the receiver says nothing.
      await Promise.race([this.#run(stream, stop.signal), aborted(stop.signal)])
    } catch (thrown) {
      const error = asAshlarError(thrown)
      if (error.code !== 'CANCELLED') {
        this.#options.log.warn({ err: error }, 'a pull from here failed')
        if (!stream.cancelled) stream.write({ kind: 'failed', error })
      }
    } finally {
      this.#streams.delete(stop)
      stream.end()
    }
  }

  async #run(stream: Stream, signal: AbortSignal): Promise<void> {
    if (this.#streams.size > streamsMax) {
      throw new AshlarError('QUOTA_EXCEEDED', `more than ${streamsMax} pulls at a time`)
    }
    const messages = stream[Symbol.asyncIterator]() as AsyncIterator<PullRequest, undefined>
    const { native, onlyCaller } = this.#options
    const source = await this.#open(messages, admit(stream, onlyCaller))
    const close = () => native.closeChannel(source.channel)
    signal.addEventListener('abort', close, { once: true })
    try {
      signal.throwIfAborted()
      const { volumeBytes, manifest, baseAgreed } = source
      await writeMessage(
        stream,
        { kind: 'opened', opened: { volumeBytes, manifest, baseAgreed } },
        signal,
      )
      const sending = send(native, stream, source.channel, signal)
      const receiving = receive(native, messages, source.channel)
      sending.catch(() => undefined)
      receiving.catch(() => undefined)
      // The receiver decides when it is over; a failure of either side ends it too.
      await Promise.race([receiving, sending.then(async () => await receiving)])
    } catch (thrown) {
      signal.throwIfAborted()
      throw thrown
    } finally {
      close()
    }
  }

  async #open(
    messages: AsyncIterator<PullRequest, undefined>,
    caller: string | undefined,
  ): Promise<OpenedSource> {
    const first = await messages.next()
    if (first.done === true || first.value.kind !== 'open') {
      throw new AshlarError('PROTOCOL', 'the first message of a pull must be Open')
    }
    requireCaller(caller, first.value.open.site, 'site')
    return await this.#options.source.open(first.value.open)
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

// Settles when the channel has nothing more to send, ever; the receiver may still say goodbye.
async function send(
  native: Binding,
  stream: Stream,
  channel: ChannelHandle,
  signal: AbortSignal,
): Promise<void> {
  // One message is made while the one before is on its way.
  let next = native.take(channel)
  for (;;) {
    const frames = await next
    if (frames === null) return
    next = native.take(channel)
    next.catch(() => undefined) // of a write that fails first
    await writeMessage(stream, { kind: 'frames', frames }, signal)
  }
}

// Settles when the receiver ends the stream.
async function receive(
  native: Binding,
  messages: AsyncIterator<PullRequest, undefined>,
  channel: ChannelHandle,
): Promise<void> {
  for (;;) {
    const { done, value } = await messages.next()
    if (done === true) return
    if (value.kind === 'open') throw new AshlarError('PROTOCOL', 'a pull is opened once')
    await native.give(channel, value.frames)
  }
}
