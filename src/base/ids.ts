// Ids of resources: "r<region number>-<uuid>", the number padded to three digits. Made by the side
// that orders something, never reused, equal to what native/base/id.h prints and parses.

import { randomUUID } from 'node:crypto'

import { invalidArgument } from './error.js'
import { limits } from './limits.js'

declare const idBrand: unique symbol

/** An id in exactly the printed form. */
export type Id = string & { readonly [idBrand]: true }

// %03u: three digits, or more without a leading zero.
const pattern = /^r(\d{3}|[1-9]\d{3,9})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export function isId(text: string): text is Id {
  const digits = pattern.exec(text)?.[1]
  return digits !== undefined && Number(digits) <= limits.regionNumberMax
}

/** Throws INVALID_ARGUMENT naming `field` when the text is not exactly an id. */
export function parseId(text: string, field = 'id'): Id {
  if (isId(text)) return text
  throw invalidArgument(field, `${quote(text)} is not an id of the form r001-<uuid>`)
}

/** Requires: 0 <= regionNumber < 2^32. Ensures: a version 4 UUID unless `uuid` says otherwise. */
export function makeId(regionNumber: number, uuid: () => string = randomUUID): Id {
  if (
    !Number.isInteger(regionNumber) ||
    regionNumber < 0 ||
    regionNumber > limits.regionNumberMax
  ) {
    throw new RangeError(`region number ${regionNumber} is not an unsigned 32-bit integer`)
  }
  return parseId(`r${String(regionNumber).padStart(3, '0')}-${uuid()}`)
}

/** The number of the region whose object this is. */
export function regionNumberOf(id: Id): number {
  return Number(id.slice(1, id.indexOf('-')))
}

/** Throws INVALID_ARGUMENT unless empty or a UUID; answers it in lower case. */
export function parseRequestId(text: string, field = 'request_id'): string {
  if (text === '' || uuidPattern.test(text)) return text.toLowerCase()
  throw invalidArgument(field, `${quote(text)} is not a UUID`)
}

/** A fresh request_id. */
export function makeRequestId(): string {
  return randomUUID()
}

/** A caller's text inside a message: printable, and bounded. */
export function quote(text: string): string {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text
  return JSON.stringify(shown)
}
