// The snapshot row as the store keeps it (DESIGN 7, "The catalog is not the only root"), with its
// complete copies elsewhere: JSON, so that a catalog can be rebuilt by versions that have never seen
// this one. Every field beside the row's own is optional to the reader: what a version does not know it
// leaves alone.

import { z } from 'zod'

import { AshlarError } from '../../../base/error.js'
import { type Id, isId } from '../../../base/ids.js'
import type { CopyRow, Labels, New, SnapshotRow } from '../../../catalog/rows.js'

export interface RecordRegion {
  readonly name: string
  readonly number: number
}

export type CopyRecord = Pick<CopyRow, 'id' | 'region' | 'crn' | 'name' | 'createdMs'>

export interface SnapshotRecord {
  readonly region: RecordRegion
  readonly row: New<SnapshotRow>
  readonly copies: readonly CopyRecord[]
}

export function snapshotRecord(
  row: SnapshotRow,
  { name, number }: RecordRegion,
  copyRows: readonly CopyRow[] = [],
): Buffer {
  const copies = copyRows.map(({ id, region, crn, name, createdMs }) => {
    return { id, region, crn, name, createdMs }
  })
  const { seq: _, state: _state, reason: _reason, fullSeal: _full, manifest, ...rest } = row
  const text = JSON.stringify(
    {
      version: 1,
      region: { name, number },
      ...rest,
      manifest: manifest?.toString('base64'),
      copies,
    },
    (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  )
  return Buffer.from(text, 'utf8')
}

const id = z
  .string()
  .refine(isId)
  .transform((text) => text as Id)
const bytes = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
const text = z.string()
const labels = z.object({
  userTags: z.array(text),
  resourceGroup: text,
  operatingSystem: z
    .object({
      name: text,
      vendor: text,
      version: text,
      family: text,
      architecture: text,
      displayName: text,
    })
    .optional(),
  sourceImage: z.object({ id: text, crn: text, name: text }).optional(),
})

const record = z.object({
  version: z.literal(1),
  region: z.object({ name: text, number: z.number().int() }),
  id,
  name: text,
  zone: text,
  node: text,
  sourceVolume: z.object({ id, name: text, zone: text, region: text.optional() }),
  sourceSnapshot: z.object({ crn: text, name: text }).optional(),
  bytes,
  epoch: z.number().int().optional(),
  capturedNs: bytes,
  rootHex: z.string().regex(/^[0-9a-f]{64}$/),
  manifest: z.base64().optional(),
  storedBytes: bytes,
  logicalBytes: bytes.default(0n),
  transferredBytes: bytes.default(0n),
  revision: z.number().int(),
  labels,
  createdMs: z.number().int(),
  copies: z
    .array(z.object({ id, region: text, crn: text, name: text, createdMs: z.number().int() }))
    .default([]),
})

/** Throws CORRUPT when it is none, NEWER_FORMAT when a later version wrote it. */
export function readSnapshotRecord(buffer: Buffer): SnapshotRecord {
  const json = parseJson(buffer)
  const version = z.object({ version: z.number().gt(1) }).safeParse(json)
  if (version.success) {
    throw new AshlarError('NEWER_FORMAT', `a snapshot record of version ${version.data.version}`)
  }
  const read = record.safeParse(json)
  if (!read.success) {
    const what = z.prettifyError(read.error).replaceAll(/\s+/g, ' ')
    throw new AshlarError('CORRUPT', `a snapshot record that cannot be read: ${what}`)
  }
  const { version: _, region, copies, manifest, labels: found, epoch, ...row } = read.data
  const { region: remote, ...volume } = row.sourceVolume
  const { operatingSystem, sourceImage } = found
  const labelled: Labels = { ...found, operatingSystem, sourceImage }
  return {
    region,
    copies,
    row: {
      ...row,
      sourceVolume: remote === undefined ? volume : { ...volume, region: remote },
      sourceSnapshot: row.sourceSnapshot,
      epoch,
      manifest: manifest === undefined ? undefined : Buffer.from(manifest, 'base64'),
      labels: labelled,
      state: 'stable',
      reason: undefined,
      fullSeal: false,
    },
  }
}

function parseJson(buffer: Buffer): unknown {
  try {
    return JSON.parse(buffer.toString('utf8'))
  } catch (cause) {
    throw new AshlarError('CORRUPT', 'a snapshot record that is not JSON', { cause })
  }
}
