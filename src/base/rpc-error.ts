// AshlarError on the gRPC wire, both ways: the status, and beside it google.rpc.Status in the
// trailer `grpc-status-details-bin` with ErrorInfo, BadRequest and RetryInfo. The few messages are
// declared here by field number (google/rpc/status.proto, error_details.proto, any.proto,
// duration.proto); no package we depend on ships them.

import { Metadata, type StatusObject, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs/minimal.js'

import { type ErrorCode, errorTable } from '../gen/errors.js'
import { AshlarError, type AshlarErrorOptions, isErrorCode } from './error.js'

const domain = 'ashlar'
const detailsKey = 'grpc-status-details-bin'
const typePrefix = 'type.googleapis.com/google.rpc.'
/** A trailer past the peer's header limit (16 KiB for many) would lose the whole answer. */
const messageBytesMax = 2000

/** What the service answers: status, message and details of the error. */
export function toStatus(error: AshlarError): StatusObject {
  const details = bounded(error.message)
  const metadata = new Metadata()
  metadata.set(detailsKey, encodeErrorDetails(error))
  return { code: grpcStatusOf(error.code), details, metadata }
}

/** The gRPC status number of a code. */
export function grpcStatusOf(code: ErrorCode): status {
  return errorTable[code].grpcStatus
}

/** google.rpc.Status with exactly one ErrorInfo. */
export function encodeErrorDetails(error: AshlarError): Buffer {
  const writer = protobuf.Writer.create()
  writer.uint32(tag(1, varint)).int32(grpcStatusOf(error.code))
  writer.uint32(tag(2, bytes)).string(bounded(error.message))
  writeAny(writer, 'ErrorInfo', errorInfo(error))
  if (error.field !== undefined)
    writeAny(writer, 'BadRequest', badRequest(error.field, error.message))
  if (error.retryDelayMs !== undefined) writeAny(writer, 'RetryInfo', retryInfo(error.retryDelayMs))
  return Buffer.from(writer.finish())
}

/** What the client got: a status, and details where the peer sent them. */
export interface ReceivedStatus {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

/**
 * The error that the peer meant. Falls back to the status alone for peers (and transports) that send
 * no details, and ignores details that do not decode.
 */
export function fromStatus(received: ReceivedStatus): AshlarError {
  const raw = received.metadata.get(detailsKey)[0]
  const details = Buffer.isBuffer(raw) ? decodeErrorDetails(raw) : undefined
  const code = codeOfReason(details?.reason) ?? codeOfStatus(received.code)
  const options: { -readonly [K in keyof AshlarErrorOptions]: AshlarErrorOptions[K] } = {
    cause: received,
  }
  if (details?.field !== undefined) options.field = details.field
  if (details?.retryDelayMs !== undefined) options.retryDelayMs = details.retryDelayMs
  if (details !== undefined) options.metadata = details.metadata
  return new AshlarError(code, received.details || errorTable[code].text, options)
}

/** The peer itself explained the failure; without that it was the transport that failed. */
export function isExplained(received: ReceivedStatus): boolean {
  return received.metadata.get(detailsKey).length > 0
}

export interface ErrorDetails {
  /** ErrorInfo.reason when its domain is ours. */
  readonly reason: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** First field violation. */
  readonly field: string | undefined
  readonly retryDelayMs: number | undefined
}

/** Undefined when the bytes are not a google.rpc.Status. */
export function decodeErrorDetails(buffer: Buffer): ErrorDetails | undefined {
  try {
    return readStatus(buffer)
  } catch {
    return undefined
  }
}

const byReason = new Map(
  Object.keys(errorTable)
    .filter(isErrorCode)
    .map((code) => [reasonOf(code), code]),
)

/** The code that a peer calls `reason` in ErrorInfo; undefined when this version has none. */
export function codeOfReason(reason: string | undefined): ErrorCode | undefined {
  return reason === undefined ? undefined : byReason.get(reason)
}

/** ErrorInfo.reason of a code, which is also what `Failed.code` of the pull protocol carries. */
export function reasonOf(code: ErrorCode): string {
  return errorTable[code].vpcCode.toUpperCase()
}

// Statuses that grpc-js makes itself (no connection, deadline, cancelled, too large, unknown method),
// or a peer without our details. One entry per status, so a new one does not compile. A peer of ours
// explains what it refuses: INTERNAL and UNKNOWN without that are streams that ended in the middle, and
// whether the call was carried out is not known.
const statusCodes: Readonly<Record<keyof typeof status, ErrorCode>> = {
  OK: 'INTERNAL',
  CANCELLED: 'CANCELLED',
  UNKNOWN: 'REMOTE_UNAVAILABLE',
  INVALID_ARGUMENT: 'INVALID_ARGUMENT',
  DEADLINE_EXCEEDED: 'DEADLINE',
  NOT_FOUND: 'NOT_FOUND',
  ALREADY_EXISTS: 'NAME_DUPLICATE',
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  RESOURCE_EXHAUSTED: 'QUOTA_EXCEEDED',
  FAILED_PRECONDITION: 'FAILED_PRECONDITION',
  ABORTED: 'ETAG_MISMATCH',
  OUT_OF_RANGE: 'OUT_OF_RANGE',
  UNIMPLEMENTED: 'NOT_SUPPORTED',
  INTERNAL: 'REMOTE_UNAVAILABLE',
  UNAVAILABLE: 'REMOTE_UNAVAILABLE',
  DATA_LOSS: 'CORRUPT',
  UNAUTHENTICATED: 'PERMISSION_DENIED',
}

const isStatusName = (name: string | undefined): name is keyof typeof status =>
  name !== undefined && name in statusCodes

function codeOfStatus(code: number): ErrorCode {
  const name = status[code]
  return isStatusName(name) ? statusCodes[name] : 'INTERNAL'
}

/** Cut between characters: grpc-js throws on half a surrogate pair, which UTF-8 does not have. */
function bounded(text: string): string {
  const utf8 = Buffer.from(text, 'utf8')
  if (utf8.length <= messageBytesMax) return utf8.toString('utf8')
  let end = messageBytesMax
  while (((utf8[end] ?? 0) & 0xc0) === 0x80) end--
  return `${utf8.toString('utf8', 0, end)}…`
}

// ---- wire ---------------------------------------------------------------------------------------

const varint = 0
const bytes = 2
const tag = (field: number, wireType: number): number => (field << 3) | wireType

// Status { int32 code = 1; string message = 2; repeated Any details = 3 }
// Any { string type_url = 1; bytes value = 2 }
function writeAny(writer: protobuf.Writer, type: string, value: Uint8Array): void {
  writer.uint32(tag(3, bytes)).fork()
  writer.uint32(tag(1, bytes)).string(typePrefix + type)
  writer.uint32(tag(2, bytes)).bytes(value)
  writer.ldelim()
}

// ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3 }
function errorInfo(error: AshlarError): Uint8Array {
  const writer = protobuf.Writer.create()
  writer.uint32(tag(1, bytes)).string(reasonOf(error.code))
  writer.uint32(tag(2, bytes)).string(domain)
  for (const [key, value] of Object.entries(error.metadata)) {
    writer.uint32(tag(3, bytes)).fork()
    writer.uint32(tag(1, bytes)).string(key)
    writer.uint32(tag(2, bytes)).string(bounded(value))
    writer.ldelim()
  }
  return writer.finish()
}

// BadRequest { repeated FieldViolation { string field = 1; string description = 2 } = 1 }
function badRequest(field: string, description: string): Uint8Array {
  const writer = protobuf.Writer.create()
  writer.uint32(tag(1, bytes)).fork()
  writer.uint32(tag(1, bytes)).string(field)
  writer.uint32(tag(2, bytes)).string(bounded(description))
  return writer.ldelim().finish()
}

// RetryInfo { Duration { int64 seconds = 1; int32 nanos = 2 } retry_delay = 1 }
function retryInfo(delayMs: number): Uint8Array {
  const ms = Math.max(0, Math.round(delayMs))
  const writer = protobuf.Writer.create()
  writer.uint32(tag(1, bytes)).fork()
  writer.uint32(tag(1, varint)).int64(Math.floor(ms / 1000))
  writer.uint32(tag(2, varint)).int32((ms % 1000) * 1_000_000)
  return writer.ldelim().finish()
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | number)[]>

/** Length-delimited and varint fields by number; others are skipped. */
function readFields(buffer: Uint8Array): Fields {
  const reader = protobuf.Reader.create(buffer)
  const fields = new Map<number, (Uint8Array | number)[]>()
  while (reader.pos < reader.len) {
    const key = reader.uint32()
    const values = fields.get(key >>> 3) ?? []
    fields.set(key >>> 3, values)
    if ((key & 7) === varint) values.push(Number(reader.int64()))
    else if ((key & 7) === bytes) values.push(reader.bytes())
    else reader.skipType(key & 7)
  }
  return fields
}

const messages = (fields: Fields, field: number): readonly Fields[] =>
  (fields.get(field) ?? []).filter((value) => typeof value !== 'number').map(readFields)

function text(fields: Fields | undefined, field: number): string {
  const value = fields?.get(field)?.at(-1)
  return value === undefined || typeof value === 'number' ? '' : Buffer.from(value).toString('utf8')
}

function number(fields: Fields | undefined, field: number): number {
  const value = fields?.get(field)?.at(-1)
  return typeof value === 'number' ? value : 0
}

function readStatus(buffer: Buffer): ErrorDetails {
  const details = new Map(
    messages(readFields(buffer), 3).map((any) => [text(any, 1), messages(any, 2)[0]]),
  )
  const info = details.get(`${typePrefix}ErrorInfo`)
  const bad = details.get(`${typePrefix}BadRequest`)
  const retry = details.get(`${typePrefix}RetryInfo`)
  const ours = text(info, 2) === domain ? info : undefined
  const violation = bad === undefined ? undefined : messages(bad, 1)[0]
  const delay = retry === undefined ? undefined : messages(retry, 1)[0]
  return {
    reason: ours === undefined ? undefined : text(ours, 1),
    metadata: Object.fromEntries(
      ours === undefined ? [] : messages(ours, 3).map((entry) => [text(entry, 1), text(entry, 2)]),
    ),
    field: text(violation, 1) || undefined,
    retryDelayMs:
      delay === undefined ? undefined : number(delay, 1) * 1000 + number(delay, 2) / 1_000_000,
  }
}
