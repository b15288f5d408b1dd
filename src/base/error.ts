// The one error class of the daemon, the client and the CLI. Codes are the rows of
// native/base/error_codes.def; nothing else may be thrown across a module's edge.

import { type ErrorCode, errorTable } from '../gen/errors.js'

export interface AshlarErrorOptions {
  /** Path of the request field at fault, as it is spelled in proto: "capacity_bytes". */
  readonly field?: string
  /** When repeating the same call may help: how long to wait first. */
  readonly retryDelayMs?: number
  /** The variable parts of the message, for programs. */
  readonly metadata?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/**
 * A failure with a code that every surface can map. The message is one sentence that names the
 * object, the value and the limit; it ends without a line break.
 */
export class AshlarError extends Error {
  override readonly name = 'AshlarError'
  readonly code: ErrorCode
  readonly field: string | undefined
  readonly retryDelayMs: number | undefined
  readonly metadata: Readonly<Record<string, string>>

  constructor(code: ErrorCode, message: string, options: AshlarErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.field = options.field
    this.retryDelayMs = options.retryDelayMs
    this.metadata = options.metadata ?? {}
  }
}

/** The shape of an invalid request field, by far the most frequent failure at the edge. */
export function invalidArgument(field: string, message: string): AshlarError {
  return new AshlarError('INVALID_ARGUMENT', message, { field })
}

/** What the system calls what it refused, such as ENOSPC; undefined for errors of other origin. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('syscall' in thrown && 'code' in thrown)) return undefined
  return String(thrown.code)
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(errorTable, text)
}

/**
 * Anything thrown, as an AshlarError. Errors of the addon carry our codes; whatever else comes is
 * INTERNAL and keeps its cause.
 */
export function asAshlarError(thrown: unknown): AshlarError {
  if (thrown instanceof AshlarError) return thrown
  if (!(thrown instanceof Error))
    return new AshlarError('INTERNAL', String(thrown), { cause: thrown })
  const code = 'code' in thrown && isErrorCode(thrown.code) ? thrown.code : 'INTERNAL'
  return new AshlarError(code, thrown.message, { cause: thrown })
}
