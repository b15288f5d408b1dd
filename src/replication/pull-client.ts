// The receiving end of a pull: a stream to one peer, and two loops that carry frames between it and
// a native channel. The channel decides everything; nothing is looked into here.

import { Client, type ClientDuplexStream, Metadata } from '@grpc/grpc-js'

import { AshlarError, asAshlarError } from '../base/error.js'
import type { RateLimit } from '../base/rate-limit.js'
import { fromStatus } from '../base/rpc-error.js'
import { transportMessage } from '../client/calls.js'
import type { SiteCredentials } from '../client/site-credentials.js'
import type { PullOpen, PullOpened, PullOutcome, Puller, Receive } from '../engine/puller.js'
import type { Binding, ChannelHandle } from '../native/binding.js'
import { pullChannelOptions, pullMethod } from './pull-method.js'
import { writeMessage } from './stream-writer.js'
import type { PullRequest, PullResponse } from './wire.js'

export interface PullClientOptions {
  readonly native: Binding
  /** "127.0.0.1:7440" or "unix:/path". */
  readonly address: string
  /** Name of the site that must be there. */
  readonly peer: string
  readonly credentials: SiteCredentials
  /** Of what comes in, shared with others. Default: none. A window of 16 MiB may be under way at once. */
  readonly limit?: RateLimit
}

const reconnectMs = 1000

type Stream = ClientDuplexStream<PullRequest, PullResponse>

/** One connection to one peer. Lanes that must not wait for each other have one each. */
export class PullClient implements Puller {
  readonly #options: PullClientOptions
  readonly #grpc: Client
  #keeper: NodeJS.Timeout | undefined
  #receivedBytes = 0

  constructor(options: PullClientOptions) {
    this.#options = options
    const channel = options.credentials.channelTo(options.peer)
    this.#grpc = new Client(options.address, channel.credentials, {
      ...pullChannelOptions,
      ...channel.options,
    })
  }

  async pull(receive: Receive, open: PullOpen, signal: AbortSignal): Promise<PullOutcome> {
    signal.throwIfAborted()
    const { native } = this.#options
    const { path, requestSerialize, responseDeserialize } = pullMethod
    const stream = this.#grpc.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
    const ended = new AbortController()
    const stop = AbortSignal.any([signal, ended.signal])
    const cancel = () => stream.cancel()
    stop.addEventListener('abort', cancel, { once: true })
    // A stream that is cancelled emits an error which may come after the loop stopped reading.
    stream.on('error', () => undefined)
    try {
      stream.write({ kind: 'open', open })
      const messages = stream[Symbol.asyncIterator]() as AsyncIterator<PullResponse, undefined>
      const opened = await openedBy(messages)
      if (opened instanceof AshlarError) return { kind: 'refused', error: opened }
      const channel = await receive(opened)
      const pay = async (bytes: number) => {
        this.#receivedBytes += bytes
        await this.#options.limit?.pay(bytes, stop)
      }
      const incoming = receiveInto(native, messages, channel, pay)
      const outgoing = send(native, stream, channel, stop)
      incoming.catch(() => undefined)
      outgoing.catch(() => undefined)
      return await Promise.race([outgoing, incoming])
    } catch (thrown) {
      signal.throwIfAborted()
      throw this.#translated(thrown)
    } finally {
      ended.abort(new AshlarError('CANCELLED', 'the pull has ended'))
    }
  }

  /** Frames, with their headers, of all pulls. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Connects ahead of the next pull, and again when the peer has been away; until `close`. */
  keepConnected(): void {
    const touch = () => void this.#grpc.getChannel().getConnectivityState(true)
    touch()
    this.#keeper ??= setInterval(touch, reconnectMs).unref()
  }

  close(): void {
    clearInterval(this.#keeper)
    this.#grpc.close()
  }

  #translated(thrown: unknown): AshlarError {
    if (!isServiceError(thrown)) return asAshlarError(thrown)
    const error = fromStatus(thrown)
    const { peer, address } = this.#options
    const what = transportMessage(error)
    return new AshlarError(error.code, `${peer} at ${address}: ${what}`, { cause: thrown })
  }
}

// Ends with 'complete' when the channel has nothing more to ask for.
async function send(
  native: Binding,
  stream: Stream,
  channel: ChannelHandle,
  signal: AbortSignal,
): Promise<PullOutcome> {
  for (;;) {
    const frames = await native.take(channel)
    if (frames === null) break
    await writeMessage(stream, { kind: 'frames', frames }, signal)
  }
  stream.end()
  return { kind: 'complete' }
}

/** The first message: what the source opened, or why it refuses. */
async function openedBy(
  messages: AsyncIterator<PullResponse, undefined>,
): Promise<PullOpened | AshlarError> {
  const { done, value } = await messages.next()
  if (done === true) throw endedEarly()
  if (value.kind === 'failed') return value.error
  if (value.kind === 'opened') return value.opened
  throw new AshlarError('PROTOCOL', 'the source sent frames before it opened')
}

// Ends only with a refusal or a failure: a source serves until the receiver ends the stream.
async function receiveInto(
  native: Binding,
  messages: AsyncIterator<PullResponse, undefined>,
  channel: ChannelHandle,
  pay: (bytes: number) => Promise<void>,
): Promise<PullOutcome> {
  for (;;) {
    const { done, value } = await messages.next()
    if (done === true) throw endedEarly()
    if (value.kind === 'failed') return { kind: 'refused', error: value.error }
    if (value.kind === 'opened') throw new AshlarError('PROTOCOL', 'the source opened twice')
    // The next message is read when the channel has taken this one: that is the backpressure.
    await native.give(channel, value.frames)
    await pay(value.frames.length)
  }
}

function endedEarly(): AshlarError {
  return new AshlarError('REMOTE_UNAVAILABLE', 'the source ended the stream early')
}

function isServiceError(
  thrown: unknown,
): thrown is Error & { code: number; details: string; metadata: Metadata } {
  return thrown instanceof Error && 'metadata' in thrown && thrown.metadata instanceof Metadata
}
