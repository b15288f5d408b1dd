// What a request may name an object by: its id, its CRN or its unique name.

import { type Crn, type CrnType, looksLikeCrn, parseCrn } from './crn.js'
import { invalidArgument } from './error.js'
import { type Id, isId, quote } from './ids.js'
import { isName } from './names.js'

export type Reference =
  | { readonly kind: 'id'; readonly id: Id }
  | { readonly kind: 'crn'; readonly crn: Crn }
  | { readonly kind: 'name'; readonly name: string }

/** Throws INVALID_ARGUMENT naming `field` when it is empty, malformed, or a CRN of another type. */
export function parseReference(text: string, type: CrnType, field: string): Reference {
  if (text === '') throw invalidArgument(field, `${field} is required: an id, a CRN or a name`)
  if (isId(text)) return { kind: 'id', id: text }
  if (looksLikeCrn(text)) return { kind: 'crn', crn: crnOfType(text, type, field) }
  if (isName(text)) return { kind: 'name', name: text }
  throw invalidArgument(field, `${quote(text)} is neither an id nor a CRN nor a name`)
}

function crnOfType(text: string, type: CrnType, field: string): Crn {
  const crn = parseCrn(text, field)
  if (crn.type === type) return crn
  throw invalidArgument(field, `${quote(text)} names a ${crn.type}, not a ${type}`)
}
