// The pull messages as bytes (proto/ashlar/replication/v1). Written by hand, because a megabyte of
// frames must not pass a generic encoder: one copy out, none in. The result is plain protobuf; a
// test compares it with the generated one.

import protobuf from 'protobufjs/minimal.js'

import { AshlarError } from '../base/error.js'
import { reasonOf, codeOfReason } from '../base/rpc-error.js'
import type { PullOpen, PullOpened } from '../engine/puller.js'

export type PullRequest =
  | { readonly kind: 'open'; readonly open: PullOpen }
  | { readonly kind: 'frames'; readonly frames: Buffer }

export type PullResponse =
  | { readonly kind: 'opened'; readonly opened: PullOpened }
  | { readonly kind: 'failed'; readonly error: AshlarError }
  | { readonly kind: 'frames'; readonly frames: Buffer }

const varint = 0
const bytes = 2
const tag = (field: number, wireType: number): number => (field << 3) | wireType
const framesTag = tag(15, bytes)

export function encodePullRequest(message: PullRequest): Buffer {
  return message.kind === 'frames'
    ? encodeFrames(message.frames)
    : encodeField(1, (writer) => writeOpen(writer, message.open))
}

export function encodePullResponse(message: PullResponse): Buffer {
  switch (message.kind) {
    case 'frames':
      return encodeFrames(message.frames)
    case 'opened':
      return encodeField(1, (writer) => writeOpened(writer, message.opened))
    case 'failed':
      return encodeField(2, (writer) => writeFailed(writer, message.error))
  }
}

/** Throws PROTOCOL when the bytes are not a PullRequest of one of the two kinds. */
export function decodePullRequest(buffer: Buffer): PullRequest {
  const { number, value } = soleField(buffer)
  if (number === 15) return { kind: 'frames', frames: value }
  if (number === 1) return { kind: 'open', open: readOpen(value) }
  throw malformed(`field ${number} of PullRequest`)
}

/** Throws PROTOCOL when the bytes are not a PullResponse of one of the three kinds. */
export function decodePullResponse(buffer: Buffer): PullResponse {
  const { number, value } = soleField(buffer)
  if (number === 15) return { kind: 'frames', frames: value }
  if (number === 1) return { kind: 'opened', opened: readOpened(value) }
  if (number === 2) return { kind: 'failed', error: readFailed(value) }
  throw malformed(`field ${number} of PullResponse`)
}

// Tag, length and payload in one allocation: the only copy of the payload on this side.
function encodeFrames(frames: Buffer): Buffer {
  const head = protobuf.Writer.create().uint32(framesTag).uint32(frames.length).finish()
  return Buffer.concat([head, frames], head.length + frames.length)
}

function encodeField(field: number, write: (writer: protobuf.Writer) => void): Buffer {
  const writer = protobuf.Writer.create()
  writer.uint32(tag(field, bytes)).fork()
  write(writer)
  return Buffer.from(writer.ldelim().finish())
}

// Every message here has exactly one field, and it is length-delimited. Frames are a view.
function soleField(buffer: Buffer): { readonly number: number; readonly value: Buffer } {
  try {
    const reader = protobuf.Reader.create(buffer)
    const key = reader.uint32()
    if ((key & 7) !== bytes) throw malformed('a field that is not length-delimited')
    const length = reader.uint32()
    const start = reader.pos
    if (start + length !== buffer.length) throw malformed('a message of several fields')
    return { number: key >>> 3, value: buffer.subarray(start, start + length) }
  } catch (thrown) {
    if (thrown instanceof AshlarError) throw thrown
    throw malformed('a truncated message', thrown)
  }
}

function writeOpen(writer: protobuf.Writer, open: PullOpen): void {
  writer.uint32(tag(1, bytes)).string(open.snapshotId)
  if (open.baseSnapshotId !== undefined) writer.uint32(tag(2, bytes)).string(open.baseSnapshotId)
  writer.uint32(tag(4, bytes)).string(open.site)
  if (open.pinId !== undefined) writer.uint32(tag(5, bytes)).string(open.pinId)
}

function readOpen(buffer: Buffer): PullOpen {
  const fields = readFields(buffer)
  const base = textOf(fields, 2)
  const pinId = textOf(fields, 5)
  return {
    snapshotId: textOf(fields, 1),
    ...(base === '' ? {} : { baseSnapshotId: base }),
    site: textOf(fields, 4),
    ...(pinId === '' ? {} : { pinId }),
  }
}

function writeOpened(writer: protobuf.Writer, opened: PullOpened): void {
  writer.uint32(tag(1, varint)).int64(Number(opened.volumeBytes))
  if (opened.manifest !== undefined) writer.uint32(tag(2, bytes)).bytes(opened.manifest)
  if (opened.baseAgreed) writer.uint32(tag(3, varint)).bool(true)
}

function readOpened(buffer: Buffer): PullOpened {
  const fields = readFields(buffer)
  const manifest = fields.get(2)
  return {
    volumeBytes: BigInt(numberOf(fields, 1)),
    manifest: Buffer.isBuffer(manifest) ? manifest : undefined,
    baseAgreed: numberOf(fields, 3) !== 0,
  }
}

function writeFailed(writer: protobuf.Writer, error: AshlarError): void {
  writer.uint32(tag(1, bytes)).string(reasonOf(error.code))
  writer.uint32(tag(2, bytes)).string(error.message)
}

function readFailed(buffer: Buffer): AshlarError {
  const fields = readFields(buffer)
  const reason = textOf(fields, 1)
  const text = textOf(fields, 2) || reason
  return new AshlarError(codeOfReason(reason) ?? 'PROTOCOL', text)
}

type Fields = ReadonlyMap<number, Buffer | number>

function readFields(buffer: Buffer): Fields {
  try {
    const reader = protobuf.Reader.create(buffer)
    const fields = new Map<number, Buffer | number>()
    while (reader.pos < reader.len) {
      const key = reader.uint32()
      if ((key & 7) === bytes) fields.set(key >>> 3, Buffer.from(reader.bytes()))
      else if ((key & 7) === varint) fields.set(key >>> 3, Number(reader.int64()))
      else reader.skipType(key & 7)
    }
    return fields
  } catch (thrown) {
    throw malformed('a truncated message', thrown)
  }
}

function textOf(fields: Fields, field: number): string {
  const value = fields.get(field)
  return Buffer.isBuffer(value) ? value.toString('utf8') : ''
}

function numberOf(fields: Fields, field: number): number {
  const value = fields.get(field)
  return typeof value === 'number' ? value : 0
}

function malformed(what: string, cause?: unknown): AshlarError {
  return new AshlarError('PROTOCOL', `the peer sent ${what}`, { cause })
}
