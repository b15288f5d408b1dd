import { Metadata, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'

import { AshlarError, isErrorCode } from '../../../src/base/error.js'
import {
  codeOfReason,
  decodeErrorDetails,
  encodeErrorDetails,
  fromStatus,
  isExplained,
  reasonOf,
  toStatus,
} from '../../../src/base/rpc-error.js'
import { errorTable } from '../../../src/gen/errors.js'

const codes = Object.keys(errorTable).filter(isErrorCode)

/** The messages as Google's files declare them, for a decoder that is not ours. */
const google = protobuf.parse(`
  syntax = "proto3"; package google.rpc;
  message Any { string type_url = 1; bytes value = 2; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message RetryInfo { Duration retry_delay = 1; }
  message BadRequest {
    message FieldViolation { string field = 1; string description = 2; }
    repeated FieldViolation field_violations = 1;
  }
`).root

const decode = (type: string, bytes: Uint8Array) => {
  const message = google.lookupType(`google.rpc.${type}`)
  return message.toObject(message.decode(bytes), { longs: Number })
}

describe('every code', () => {
  test.each(codes)('%s comes back as it went', (code) => {
    const sent = toStatus(new AshlarError(code, 'why'))
    expect(sent.code).toBe(errorTable[code].grpcStatus)
    const received = fromStatus(sent)
    expect(received).toMatchObject({ code, message: 'why', field: undefined, metadata: {} })
    expect(isExplained(sent)).toBe(true)
  })

  test('has a reason of its own', () => {
    expect(new Set(codes.map(reasonOf)).size).toBe(codes.length)
    expect(codes.map((code) => codeOfReason(reasonOf(code)))).toEqual(codes)
  })
})

describe('details', () => {
  const error = new AshlarError('INVALID_ARGUMENT', 'zu groß 😀', {
    field: 'capacity_bytes',
    retryDelayMs: 1500,
    metadata: { limit: '64 TiB', 'a key': '' },
  })

  test('come back whole', () => {
    expect(fromStatus(toStatus(error))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'zu groß 😀',
      field: 'capacity_bytes',
      retryDelayMs: 1500,
      metadata: { limit: '64 TiB', 'a key': '' },
    })
  })

  test('are what Google declares', () => {
    const sent = decode('Status', encodeErrorDetails(error))
    expect(sent).toMatchObject({ code: 3, message: 'zu groß 😀' })
    const details: { type_url?: string; typeUrl?: string; value: Uint8Array }[] = sent['details']
    const byType = new Map(details.map((any) => [any.type_url ?? any.typeUrl, any.value] as const))
    const of = (type: string) =>
      decode(type, byType.get(`type.googleapis.com/google.rpc.${type}`) ?? new Uint8Array())
    expect(details).toHaveLength(3)
    expect(of('ErrorInfo')).toEqual({
      reason: 'INVALID_ARGUMENT',
      domain: 'ashlar',
      metadata: { limit: '64 TiB', 'a key': '' },
    })
    expect(JSON.stringify(of('BadRequest'))).toContain('capacity_bytes')
    expect(JSON.stringify(of('RetryInfo'))).toMatch(/"seconds":1,"nanos":500000000/)
  })

  test('of a reason this version does not know fall back to the status', () => {
    const writer = protobuf.Writer.create()
    const info = protobuf.Writer.create()
    info.uint32(10).string('FROM_THE_FUTURE').uint32(18).string('ashlar')
    writer.uint32(26).fork()
    writer.uint32(10).string('type.googleapis.com/google.rpc.ErrorInfo')
    writer.uint32(18).bytes(info.finish()).ldelim()
    const metadata = new Metadata()
    metadata.set('grpc-status-details-bin', Buffer.from(writer.finish()))
    const received = fromStatus({ code: status.ABORTED, details: 'later', metadata })
    expect(received).toMatchObject({ code: 'ETAG_MISMATCH', message: 'later' })
  })

  test('that are damaged are ignored', () => {
    const whole = encodeErrorDetails(error)
    for (let length = 0; length <= whole.length; length++) {
      const metadata = new Metadata()
      metadata.set('grpc-status-details-bin', whole.subarray(0, length))
      const received = fromStatus({ code: status.NOT_FOUND, details: 'gone', metadata })
      expect(['NOT_FOUND', 'INVALID_ARGUMENT']).toContain(received.code)
    }
    expect(decodeErrorDetails(Buffer.from([0xff, 0xff, 0xff]))).toBeUndefined()
  })

  test('never pass what a header can hold', () => {
    const long = new AshlarError('INTERNAL', 'x'.repeat(100_000), { field: 'name' })
    expect(encodeErrorDetails(long).length).toBeLessThan(8192)
    expect(toStatus(long).details.length).toBeLessThan(4096)
  })

  test.each([0, 1, 2, 3])('are cut between characters, %i in', (shift) => {
    const long = new AshlarError('INTERNAL', 'x'.repeat(shift) + '😀'.repeat(100_000), {
      field: 'name',
    })
    const { details } = toStatus(long)
    // What grpc-js does with it; half a pair would throw.
    expect(encodeURI(details).length).toBeLessThan(8192)
    expect(details).toMatch(/^x*(?:😀)+…$/u)
    expect(encodeErrorDetails(long).length).toBeLessThan(8192)
  })
})

test.each([
  [status.UNAVAILABLE, 'REMOTE_UNAVAILABLE'],
  [status.DEADLINE_EXCEEDED, 'DEADLINE'],
  [status.CANCELLED, 'CANCELLED'],
  [status.UNIMPLEMENTED, 'NOT_SUPPORTED'],
  [status.NOT_FOUND, 'NOT_FOUND'],
  // A connection that was cut in the middle of a call: it may have been carried out.
  [status.INTERNAL, 'REMOTE_UNAVAILABLE'],
  [status.UNKNOWN, 'REMOTE_UNAVAILABLE'],
  [99, 'INTERNAL'],
])('a bare status %d is %s', (code, expected) => {
  const received = { code, details: '', metadata: new Metadata() }
  expect(fromStatus(received).code).toBe(expected)
  expect(fromStatus(received).message).not.toBe('')
  expect(isExplained(received)).toBe(false)
})
