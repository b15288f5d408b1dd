// Fields that several requests have. Every refusal names the field as proto spells it.

import { checkCapacity } from '../base/capacity.js'
import { invalidArgument } from '../base/error.js'
import { quote } from '../base/ids.js'
import { limits } from '../base/limits.js'
import { parseName } from '../base/names.js'
import type { ImageReference, OperatingSystem } from '../catalog/rows.js'
import type { ImageReference__Output } from '../gen/ashlar/v1/ImageReference.js'
import type { OperatingSystem__Output } from '../gen/ashlar/v1/OperatingSystem.js'
import type { FieldMask__Output } from '../gen/google/protobuf/FieldMask.js'

/** Empty is allowed: the service picks a name. */
export function parseOptionalName(text: string): string {
  return text === '' ? '' : parseName(text)
}

/** 0 is undefined. */
export function parseCapacity(text: string): bigint | undefined {
  const bytes = BigInt(text)
  return bytes === 0n ? undefined : checkCapacity(bytes)
}

/** Throws INVALID_ARGUMENT unless at least one path is given and all are among `known`. */
export function parseMask<Path extends string>(
  mask: FieldMask__Output | null,
  known: readonly Path[],
): ReadonlySet<Path> {
  const field = 'update_mask'
  const paths = mask?.paths ?? []
  if (paths.length === 0) {
    throw invalidArgument(field, `update_mask is required: one or more of ${known.join(', ')}`)
  }
  const found = new Set<Path>()
  for (const path of paths) {
    const match = known.find((name) => name === path)
    if (match === undefined) {
      throw invalidArgument(
        field,
        `${quote(path)} cannot be changed; what can: ${known.join(', ')}`,
      )
    }
    found.add(match)
  }
  return found
}

export function parseOperatingSystem(
  message: OperatingSystem__Output | null,
): OperatingSystem | undefined {
  if (message === null) return undefined
  const { name, vendor, version, family, architecture, displayName } = message
  const parsed = { name, vendor, version, family, architecture, displayName }
  for (const [key, text] of Object.entries(parsed)) {
    const field = key === 'displayName' ? 'display_name' : key
    checkLabel(text, limits.labelBytesMax, `operating_system.${field}`)
  }
  return parsed
}

export function parseImage(message: ImageReference__Output | null): ImageReference | undefined {
  if (message === null) return undefined
  const { id, crn, name } = message
  checkLabel(id, limits.imageIdBytesMax, 'source_image.id')
  checkLabel(crn, limits.imageCrnBytesMax, 'source_image.crn')
  checkLabel(name, limits.labelBytesMax, 'source_image.name')
  return { id, crn, name }
}

/** Throws INVALID_ARGUMENT naming `field` when the text is longer than any name of that kind. */
export function parseFilterText(text: string, field: string): string | undefined {
  checkLabel(text, limits.imageCrnBytesMax, field)
  return text === '' ? undefined : text
}

function checkLabel(text: string, bytesMax: number, field: string): void {
  const bytes = Buffer.byteLength(text, 'utf8')
  if (bytes > bytesMax)
    throw invalidArgument(field, `${field} has ${bytes} bytes, more than ${bytesMax}`)
}
