// One use of a method, from what it needs to what must be true in the end. Tests make of it: that it
// succeeds, that it can be repeated, and that a restart in the middle changes nothing of that.

import type { Attachment__Output as Attachment } from '../../../src/gen/ashlar/v1/Attachment.js'
import type { Ground, Leaves } from './ground.js'

export interface Trial {
  /** Repeatable: always the same request_id and arguments. */
  readonly call: () => Promise<unknown>
  readonly check: () => Promise<void>
  /** Names of the objects there are in the end. */
  readonly leaves: Leaves
  /** For calls without a request_id whose answers differ: what a repetition must answer. */
  readonly again?: (first: unknown, second: unknown) => void
}

export interface Use<At = Ground> {
  /** The method's name, and what makes this use of it a special one. */
  readonly name: string
  /** The site, beside the region, that has to do something for it. */
  readonly site?: string
  readonly begin: (ground: At) => Promise<Trial>
}

/** Without what is of the moment: a host that has just gone is counted for a quarter of a second more. */
export const steady = (attachment: Attachment): Attachment => ({ ...attachment, connections: 0 })

export const methodOf = ({ name }: Pick<Use, 'name'>): string => name.replace(/ .*/, '')
