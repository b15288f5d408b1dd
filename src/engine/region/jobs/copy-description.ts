// What a copy carries of its source, as JSON in OpenCopyResponse.description. What a newer version
// adds is left alone; what comes from another region is checked before it becomes a row.

import { z } from 'zod'

import { formatCrn } from '../../../base/crn.js'
import { AshlarError } from '../../../base/error.js'
import { type Id, isId } from '../../../base/ids.js'
import { limits } from '../../../base/limits.js'
import { isName } from '../../../base/names.js'
import type {
  ImageReference,
  OperatingSystem,
  SnapshotRow,
  SnapshotSourceVolume,
} from '../../../catalog/rows.js'

export interface CopyDescription {
  /** Name of the source snapshot. */
  readonly name: string
  readonly bytes: bigint
  readonly logicalBytes: bigint
  readonly capturedNs: bigint
  /** `region` is the one the volume is or was in. */
  readonly sourceVolume: Required<SnapshotSourceVolume>
  readonly operatingSystem: OperatingSystem | undefined
  readonly sourceImage: ImageReference | undefined
}

const label = z.string().refine((text) => Buffer.byteLength(text, 'utf8') <= limits.labelBytesMax)
const text = z.string().max(limits.imageCrnBytesMax)
const name = z.string().refine(isName)
const integer = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt)

const description = z.object({
  name,
  bytes: integer.refine((bytes) => bytes <= limits.volumeBytesMax),
  logicalBytes: integer.default(0n),
  capturedNs: integer,
  sourceVolume: z.object({
    id: z
      .string()
      .refine(isId)
      .transform((id) => id as Id),
    name: text,
    zone: name,
    region: name,
  }),
  operatingSystem: z
    .object({
      name: label,
      vendor: label,
      version: label,
      family: label,
      architecture: label,
      displayName: label,
    })
    .optional(),
  sourceImage: z.object({ id: text, crn: text, name: label }).optional(),
})

/** Requires: a stable snapshot of `region`. */
export function describeSnapshot(row: SnapshotRow, region: string): string {
  const { name, bytes, logicalBytes, capturedNs, sourceVolume, labels } = row
  const { operatingSystem, sourceImage } = labels
  return JSON.stringify({
    name,
    bytes: String(bytes),
    logicalBytes: String(logicalBytes),
    capturedNs: String(capturedNs ?? 0n),
    sourceVolume: { region, ...sourceVolume },
    operatingSystem,
    sourceImage,
  })
}

/** Throws PROTOCOL when it is not one. */
export function readDescription(json: string): CopyDescription {
  try {
    const { operatingSystem, sourceImage, ...rest } = description.parse(JSON.parse(json))
    return { ...rest, operatingSystem, sourceImage }
  } catch (cause) {
    throw new AshlarError('PROTOCOL', 'the other region described the snapshot in no known way', {
      cause,
    })
  }
}

/** How an object is called whose name was never known here. */
export const remoteName = (id: Id): string => `-remote-${id.slice(-12)}`

export function copyCrn(region: string, account: string, id: Id): string {
  return formatCrn({ location: region, account, type: 'snapshot', id })
}
