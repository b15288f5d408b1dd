// From SQL values to rows. A value that the program could not have written is CORRUPT, never guessed.

import { AshlarError } from '../base/error.js'
import { type Id, isId } from '../base/ids.js'
import type { ImageReference, Labels, OperatingSystem, Reason } from './rows.js'

export function idOf(text: string): Id {
  if (isId(text)) return text
  throw corrupt(`${JSON.stringify(text)} is not an id`)
}

/** Requires: an integer that SQL holds exactly. */
export function bytesOf(value: number): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value)
  throw corrupt(`${value} is not a size`)
}

export function oneOf<T extends string>(values: readonly T[], text: string): T {
  const found = values.find((value) => value === text)
  if (found !== undefined) return found
  throw corrupt(`${JSON.stringify(text)} is none of ${values.join(', ')}`)
}

export function bufferOf(value: Buffer | null): Buffer | undefined {
  return value ?? undefined
}

export function reasonOf(text: string | null): Reason | undefined {
  return text === null ? undefined : (JSON.parse(text) as Reason)
}

export interface LabelColumns {
  readonly user_tags: string
  readonly resource_group: string
  readonly operating_system: string | null
  readonly source_image: string | null
}

export function labelsOf(columns: LabelColumns): Labels {
  return {
    userTags: JSON.parse(columns.user_tags) as string[],
    resourceGroup: columns.resource_group,
    operatingSystem: optional(columns.operating_system) as OperatingSystem | undefined,
    sourceImage: optional(columns.source_image) as ImageReference | undefined,
  }
}

export function labelColumns(labels: Labels): LabelColumns {
  return {
    user_tags: JSON.stringify(labels.userTags),
    resource_group: labels.resourceGroup,
    operating_system: jsonOrNull(labels.operatingSystem),
    source_image: jsonOrNull(labels.sourceImage),
  }
}

export function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

function optional(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text)
}

export function corrupt(what: string): AshlarError {
  return new AshlarError('CORRUPT', `the catalog holds a value it cannot hold: ${what}`)
}
