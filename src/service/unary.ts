// Handlers as async functions: parse, call the engine, encode. Here, once, promise becomes callback,
// cancellation becomes an AbortSignal, and an error becomes a status with details.

import type {
  ServerUnaryCall,
  ServerWritableStream,
  handleServerStreamingCall,
  handleUnaryCall,
  sendUnaryData,
} from '@grpc/grpc-js'

import { AshlarError, asAshlarError } from '../base/error.js'
import type { Logger } from '../base/logger.js'
import { toStatus } from '../base/rpc-error.js'
import { type ErrorCode, errorTable } from '../gen/errors.js'
import { admit } from '../replication/caller.js'

export interface CallContext {
  readonly signal: AbortSignal
  /** The site that the caller's certificate names; undefined on a connection without TLS. */
  readonly caller: string | undefined
}

export type Handle<Request, Response> = (
  request: Request,
  context: CallContext,
) => Promise<Response>

export type HandleStream<Request, Response> = (
  request: Request,
  context: CallContext,
) => AsyncIterable<Response>

export interface HandlersOptions {
  /** With TLS, the only site that may call. Default: every site with a certificate. */
  readonly onlyCaller?: string
}

/** Makes the handlers of one server: they share its log, and whom they obey. */
export class Handlers {
  readonly #log: Logger
  readonly #onlyCaller: string | undefined

  constructor(log: Logger, { onlyCaller }: HandlersOptions = {}) {
    this.#log = log
    this.#onlyCaller = onlyCaller
  }

  /** The promise's result is the answer. A caller that goes away aborts the signal, no more. */
  unary<Request, Response>(handle: Handle<Request, Response>): handleUnaryCall<Request, Response> {
    return (call, callback) => void this.#unary(handle, call, callback)
  }

  /** Writes as fast as the caller reads. */
  stream<Request, Response>(
    handle: HandleStream<Request, Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => void this.#stream(handle, call)
  }

  async #unary<Request, Response>(
    handle: Handle<Request, Response>,
    call: ServerUnaryCall<Request, Response>,
    callback: sendUnaryData<Response>,
  ): Promise<void> {
    const cancel = new AbortController()
    call.on('cancelled', () => cancel.abort(gone()))
    try {
      const caller = admit(call, this.#onlyCaller)
      callback(null, await handle(call.request, { signal: cancel.signal, caller }))
    } catch (thrown) {
      callback(toStatus(this.#reported(thrown, call.getPath())))
    }
  }

  async #stream<Request, Response>(
    handle: HandleStream<Request, Response>,
    call: ServerWritableStream<Request, Response>,
  ): Promise<void> {
    const cancel = new AbortController()
    call.on('cancelled', () => cancel.abort(gone()))
    try {
      const caller = admit(call, this.#onlyCaller)
      for await (const message of handle(call.request, { signal: cancel.signal, caller })) {
        if (cancel.signal.aborted) break
        if (!call.write(message)) await drained(call, cancel.signal)
      }
      call.end()
    } catch (thrown) {
      if (cancel.signal.aborted) return
      // For a stream, grpc-js takes a status as an error event.
      const { code, details, metadata } = toStatus(this.#reported(thrown, call.getPath()))
      call.emit('error', { code, details, metadata })
    }
  }

  // What callers cause is their business; what we cause is logged whole before it is flattened.
  #reported(thrown: unknown, path: string): AshlarError {
    const error = asAshlarError(thrown)
    if (isFault(error.code)) this.#log.error({ err: error, path }, 'a call failed')
    else this.#log.debug({ err: error, path }, 'a call was refused')
    return error
  }
}

// Being away, or going, is a state and is logged where it begins.
function isFault(code: ErrorCode): boolean {
  if (code === 'REMOTE_UNAVAILABLE' || code === 'SHUTTING_DOWN' || code === 'NOT_SUPPORTED') {
    return false
  }
  return errorTable[code].httpStatus >= 500
}

async function drained(call: NodeJS.EventEmitter, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = () => {
      call.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    call.on('drain', done)
    signal.addEventListener('abort', done, { once: true })
  })
}

function gone(): AshlarError {
  return new AshlarError('CANCELLED', 'the caller has gone')
}
