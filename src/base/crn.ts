// CRNs: crn:v1:ashlar:public:is:<region or zone>:a/<account>::<type>:<id>. A volume's location is
// its zone, everything else's is its region.

import { invalidArgument } from './error.js'
import { type Id, isId, quote } from './ids.js'
import { limits } from './limits.js'
import { isName } from './names.js'

export type CrnType = 'volume' | 'snapshot' | 'snapshot-consistency-group'

export interface Crn {
  /** Name of the zone of a volume, else of the region. */
  readonly location: string
  readonly account: string
  readonly type: CrnType
  readonly id: Id
}

const prefix = 'crn:v1:ashlar:public:is:'
const types: ReadonlySet<string> = new Set<CrnType>([
  'volume',
  'snapshot',
  'snapshot-consistency-group',
])

const isType = (text: string): text is CrnType => types.has(text)

/** 1 to 64 letters, digits, hyphens and underscores. */
export function isAccount(text: string): boolean {
  return text.length <= limits.accountLengthMax && /^[A-Za-z0-9_-]+$/.test(text)
}

export function formatCrn(crn: Crn): string {
  return `${prefix}${crn.location}:a/${crn.account}::${crn.type}:${crn.id}`
}

/** True for anything that claims to be a CRN, well formed or not. No name or id does. */
export function looksLikeCrn(text: string): boolean {
  return text.startsWith('crn:')
}

/** Throws INVALID_ARGUMENT naming `field` when the text is not a CRN of this service. */
export function parseCrn(text: string, field = 'crn'): Crn {
  const crn = text.startsWith(prefix) ? split(text.slice(prefix.length)) : undefined
  if (crn !== undefined) return crn
  throw invalidArgument(
    field,
    `${quote(text)} is not a CRN of the form ${prefix}<region or zone>:a/<account>::<type>:<id>`,
  )
}

function split(tail: string): Crn | undefined {
  const [location = '', owner = '', instance, type = '', id = '', ...rest] = tail.split(':')
  const account = owner.startsWith('a/') ? owner.slice(2) : ''
  if (instance !== '' || rest.length > 0) return undefined
  if (!isName(location) || !isAccount(account) || !isType(type) || !isId(id)) return undefined
  return { location, account, type, id }
}
