// gRPC calls as promises and async iterables. Every failure is an AshlarError; every call can be
// aborted; a unary call always has a deadline.

import {
  type CallOptions as GrpcCallOptions,
  type Client as GrpcClient,
  Metadata,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'

import { systemClock } from '../base/clock.js'
import { AshlarError } from '../base/error.js'
import { limits } from '../base/limits.js'
import { fromStatus, isExplained } from '../base/rpc-error.js'

export interface CallOptions {
  /** Aborting cancels the call on both sides; it then fails with the signal's reason. */
  readonly signal?: AbortSignal
  /** Default: `limits.callDeadlineMs`. */
  readonly deadlineMs?: number
}

export type UnaryCall<Request, Response> = (
  request: Request,
  options?: CallOptions,
) => Promise<Response>

/** Names of methods; the index signature that definitions inherit is left out. */
type MethodName<Name> = string extends Name
  ? never
  : Name extends string
    ? Uncapitalize<Name>
    : never

/** The unary methods of a service, lower-case first: `CreateVolume` is `createVolume`. */
export type UnaryCalls<Definition> = {
  readonly [Name in keyof Definition as MethodName<Name>]: Definition[Name] extends MethodDefinition<
    infer Request,
    infer _Response,
    infer _RequestRead,
    infer ResponseRead
  >
    ? UnaryCall<Request, ResponseRead>
    : never
}

/** The part of a method definition that the calling side needs. */
interface Method<Request, Response> {
  readonly path: string
  readonly requestSerialize: (request: Request) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => Response
}
type AnyMethod = ServiceDefinition[string]

/** A connection and what to call it in messages. */
export interface Peer {
  readonly grpc: GrpcClient
  /** "127.0.0.1:7440". */
  readonly name: string
}

/** Streaming methods are left out at run time; call those with `serverStream`. */
export function unaryCalls<Definition extends object>(
  peer: Peer,
  definition: Definition & ServiceDefinition,
): UnaryCalls<Definition> {
  const methods = Object.entries<AnyMethod>(definition)
  const calls = methods
    .filter(([, method]) => !method.requestStream && !method.responseStream)
    .map(([name, method]) => [
      name.charAt(0).toLowerCase() + name.slice(1),
      (request: object, options?: CallOptions) => unary(peer, method, request, options),
    ])
  // The generated definition type promises what the loop builds.
  return Object.fromEntries(calls) as UnaryCalls<Definition>
}

function unary<Request, Response>(
  peer: Peer,
  method: Method<Request, Response>,
  request: Request,
  options: CallOptions = {},
): Promise<Response> {
  const { signal } = options
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const call = peer.grpc.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      grpcOptions(options),
      (error, response) => {
        signal?.removeEventListener('abort', cancel)
        if (error !== null) reject(failure(peer, error, signal))
        else if (response === undefined)
          reject(new AshlarError('PROTOCOL', 'an answer without a message'))
        else resolve(response)
      },
    )
    const cancel = () => call.cancel()
    signal?.addEventListener('abort', cancel, { once: true })
  })
}

/** A server stream without a deadline. Leaving the loop early cancels it. */
export async function* serverStream<Request, Response>(
  peer: Peer,
  method: Method<Request, Response>,
  request: Request,
  signal?: AbortSignal,
): AsyncGenerator<Response, void, undefined> {
  signal?.throwIfAborted()
  const call = peer.grpc.makeServerStreamRequest<Request, Response>(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
  )
  const cancel = () => call.cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    for await (const message of call) yield message as Response
  } catch (thrown) {
    throw isServiceError(thrown) ? failure(peer, thrown, signal) : thrown
  } finally {
    signal?.removeEventListener('abort', cancel)
    call.cancel()
  }
}

function grpcOptions(options: CallOptions): GrpcCallOptions {
  const nowMs = Number(systemClock.nowNs() / 1_000_000n)
  return { deadline: nowMs + (options.deadlineMs ?? limits.callDeadlineMs) }
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'metadata' in thrown && thrown.metadata instanceof Metadata
}

function failure(peer: Peer, error: ServiceError, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason
  const meant = fromStatus(error)
  if (isExplained(error)) return meant
  // The transport's own words do not name the peer.
  return new AshlarError(meant.code, `${peer.name}: ${transportMessage(meant)}`, { cause: error })
}

/** What failed, of a failure that the transport made; grpc-js says much more. */
export function transportMessage(error: AshlarError): string {
  if (error.code === 'DEADLINE') return 'no answer in time'
  if (error.code !== 'REMOTE_UNAVAILABLE') return error.message
  const cause = /Last error: (?:Error: )?(.+?)(?:\. Resolution note:.*)?$/.exec(error.message)?.[1]
  return `cannot be reached (${cause ?? error.message})`
}
