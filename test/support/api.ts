// ashlar.v1 as a caller meets it: what a call was refused with, read from the wire by a decoder of
// its own, and small helpers around a region's objects.

import { randomUUID } from 'node:crypto'

import { Metadata, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { expect } from 'vitest'

import { unaryCalls, serverStream } from '../../src/client/calls.js'
import { type Client, connect } from '../../src/client/client.js'
import { listAttachments, listSnapshots, listVolumes } from '../../src/client/pages.js'
import { waitForSnapshot } from '../../src/client/wait.js'
import type { Attachment__Output as Attachment } from '../../src/gen/ashlar/v1/Attachment.js'
import type { Snapshot__Output as Snapshot } from '../../src/gen/ashlar/v1/Snapshot.js'
import type { Volume__Output as Volume } from '../../src/gen/ashlar/v1/Volume.js'
import type { NodeRecords__Output as NodeRecords } from '../../src/gen/ashlar/zone/v1/NodeRecords.js'
import type { ZoneServiceDefinition } from '../../src/gen/ashlar/zone/v1/ZoneService.js'
import { zoneService } from '../../src/gen/proto.js'

export const KiB = 1024n
export const MiB = 1024n * KiB
export const GiB = 1024n * MiB
export const TiB = 1024n * GiB

/** A well-formed id that nothing has. */
export const unknownId = 'r001-00000000-0000-4000-8000-000000000000'

export interface Refusal {
  readonly status: string
  /** ErrorInfo.reason; empty when the transport failed and nobody explained. */
  readonly reason: string
  /** Of the one field violation. */
  readonly field: string
  readonly message: string
  readonly metadata: Readonly<Record<string, string>>
  readonly retryMs: number | undefined
}

const rpc = protobuf.parse(`
  syntax = "proto3";
  package google.rpc;
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`).root

function decode(type: string, bytes: Uint8Array): Record<string, unknown> {
  const found = rpc.lookupType(`google.rpc.${type}`)
  return found.toObject(found.decode(bytes), { defaults: true, longs: Number })
}

interface Any {
  readonly typeUrl: string
  readonly value: Uint8Array
}

interface OnTheWire {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

function isOnTheWire(thrown: unknown): thrown is OnTheWire {
  return thrown instanceof Error && 'metadata' in thrown && thrown.metadata instanceof Metadata
}

/** What the call was refused with. Fails when it succeeds, or when the parts contradict each other. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const thrown: unknown = await call.then(
    (answer) => new Error(`it was not refused: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  )
  const wire = thrown instanceof Error && isOnTheWire(thrown.cause) ? thrown.cause : thrown
  if (!isOnTheWire(wire)) throw thrown
  const { code, details: message, metadata } = wire
  const plain = { status: status[code] ?? String(code), message }
  const raw = metadata.get('grpc-status-details-bin')[0]
  if (!Buffer.isBuffer(raw)) {
    return { ...plain, reason: '', field: '', metadata: {}, retryMs: undefined }
  }
  const told = decode('Status', raw)
  expect(told).toMatchObject({ code, message })
  const parts = new Map(
    (told['details'] as readonly Any[]).map(({ typeUrl, value }) => {
      const type = typeUrl.replace('type.googleapis.com/google.rpc.', '')
      return [type, decode(type, value)] as const
    }),
  )
  const info = parts.get('ErrorInfo')
  expect(info).toMatchObject({ domain: 'ashlar' })
  const violations = (parts.get('BadRequest')?.['fieldViolations'] ?? []) as readonly {
    readonly field: string
    readonly description: string
  }[]
  expect(violations.length).toBeLessThanOrEqual(1)
  for (const { description } of violations) expect(description).toBe(message)
  expect(message).toMatch(/^[^\n]{5,}[^\n.]$/)
  const delay = parts.get('RetryInfo')?.['retryDelay'] as
    | { readonly seconds: number; readonly nanos: number }
    | undefined
  return {
    ...plain,
    reason: String(info?.['reason']),
    field: violations[0]?.field ?? '',
    metadata: (info?.['metadata'] ?? {}) as Readonly<Record<string, string>>,
    retryMs: delay === undefined ? undefined : delay.seconds * 1000 + delay.nanos / 1e6,
  }
}

export const invalid = (field: string) => ({
  status: 'INVALID_ARGUMENT',
  reason: 'INVALID_ARGUMENT',
  field,
})

export const idReused = {
  status: 'INVALID_ARGUMENT',
  reason: 'ID_REUSED',
  field: 'request_id',
}

export const unavailable = { status: 'UNAVAILABLE', reason: 'REGION_UNAVAILABLE' }

export const nameTaken = {
  status: 'ALREADY_EXISTS',
  reason: 'VALIDATION_UNIQUE_FAILED',
  field: 'name',
}

export const notFound = (
  what: 'volume' | 'snapshot' | 'attachment' | 'zone',
  field: string = what,
) => ({
  status: 'NOT_FOUND',
  reason: `${what.toUpperCase()}_NOT_FOUND`,
  field,
})

export const newRequestId = (): string => randomUUID()

/** Texts that name no object because they are malformed, whatever its type. */
export const malformedReferences: readonly (readonly [what: string, text: string])[] = [
  ['nothing', ''],
  ['upper case', 'Volume'],
  ['a path', '../v'],
  ['a space', 'a b'],
  ['a NUL', 'a\0b'],
  ['64 characters', 'a'.repeat(64)],
  ['no ASCII', 'größe'],
  ['half a surrogate pair', 'a\ud800'],
  ['100,000 characters', 'x'.repeat(100_000)],
  ['an id in upper case', unknownId.toUpperCase()],
  ['an id with a space before', ` ${unknownId}`],
  ['an id with a brace', `{${unknownId}}`],
  ['another service’s CRN', `crn:v1:bluemix:public:is:local:a/local::volume:${unknownId}`],
  ['half a CRN', 'crn:v1:ashlar:public:is:local-1'],
  ['a CRN with a tail', `crn:v1:ashlar:public:is:local:a/local::snapshot:${unknownId}:x`],
  ['a CRN of an unknown type', `crn:v1:ashlar:public:is:local:a/local::disk:${unknownId}`],
]

/** Texts that are no names, where an empty one means something else. */
export const malformedNames: readonly (readonly [what: string, text: string])[] = [
  ['upper case', 'Db'],
  ['a digit first', '1db'],
  ['a hyphen first', '-db'],
  ['a hyphen last', 'db-'],
  ['an underscore', 'd_b'],
  ['a space', 'd b'],
  ['a line break', 'db\n'],
  ['no ASCII', 'größe'],
  ['64 characters', 'a'.repeat(64)],
  ['1,000,000 characters', 'a'.repeat(1_000_000)],
  ['the form of an id', unknownId],
]

export const malformedTags: readonly (readonly [what: string, tags: string[]])[] = [
  ['an empty one', ['']],
  ['a space first', [' a']],
  ['a space last', ['a ']],
  ['a comma', ['a,b']],
  ['a line break', ['a\nb']],
  ['no ASCII', ['größe']],
  ['129 characters', ['a'.repeat(129)]],
  ['1,001 of them', Array.from({ length: 1001 }, (_, at) => `tag-${at}`)],
  ['a good one before a bad one', ['good', 'bad!']],
]

export const malformedRequestIds: readonly (readonly [what: string, text: string])[] = [
  ['a word', 'again'],
  ['a UUID in braces', `{${randomUUID()}}`],
  ['a UUID without hyphens', randomUUID().replaceAll('-', '')],
  ['100,000 characters', '0'.repeat(100_000)],
]

/** A region's objects, for tests that begin and end with none. */
export class Objects {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  async volumes(): Promise<readonly Volume[]> {
    return await listVolumes(this.#client)
  }

  async snapshots(): Promise<readonly Snapshot[]> {
    return await listSnapshots(this.#client)
  }

  async attachments(): Promise<readonly Attachment[]> {
    return await listAttachments(this.#client)
  }

  async stable(snapshot: string): Promise<Snapshot> {
    return await waitForSnapshot(this.#client, snapshot)
  }

  /** Deletes everything there is. */
  async clear(): Promise<void> {
    const { attachments, volumes, snapshots } = this.#client
    for (const { id } of await this.attachments())
      await attachments.deleteAttachment({ attachment: id })
    for (const { id } of await this.snapshots()) await snapshots.deleteSnapshot({ snapshot: id })
    for (const { id } of await this.volumes()) await volumes.deleteVolume({ volume: id })
  }
}

/** The API that a region uses towards its node; here to see what the node has, or to take it away. */
export class ZoneApi {
  readonly #peer
  readonly calls

  constructor(endpoint: string) {
    this.#peer = connect(endpoint)
    this.calls = unaryCalls<ZoneServiceDefinition>(this.#peer, zoneService)
  }

  /** All records of the node, as of now. */
  async records(region = 'local'): Promise<NodeRecords> {
    const events = serverStream(this.#peer, zoneService.Watch, { region })
    for await (const { records = null } of events) if (records !== null) return records
    throw new Error('the node said nothing')
  }

  close(): void {
    this.#peer.grpc.close()
  }
}
