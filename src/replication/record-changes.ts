// What a watch sends of a node's records: all of them once, then what has changed. Both ends keep the
// lists as they were last sent, so that a place in them is all that has to be said of what is gone.

import { AshlarError } from '../base/error.js'
import type { NodeRecords } from '../engine/zone-control.js'

type Lists = Omit<NodeRecords, 'revision' | 'node'>
export type Gone = { readonly [Name in keyof Lists]: readonly number[] }

export interface RecordChanges {
  /** The node as it is now; its lists have only what is new or different. */
  readonly added: NodeRecords
  /** Places in the lists before, rising. */
  readonly gone: Gone
}

/** The sender's end of one stream. */
export class SentRecords {
  #sent: Lists | undefined

  /**
   * What to send so that the receiver has these records too; undefined when that is all of them.
   * Requires: what has not changed is the same object as before.
   */
  next(records: NodeRecords): RecordChanges | undefined {
    const before = this.#sent
    if (before === undefined) {
      this.#sent = records
      return undefined
    }
    const { revision, node } = records
    const volumes = compared(before.volumes, records.volumes)
    const cuts = compared(before.cuts, records.cuts)
    const origins = compared(before.origins, records.origins)
    const attachments = compared(before.attachments, records.attachments)
    const tombstones = compared(before.tombstones, records.tombstones)
    const clones = compared(before.clones, records.clones)
    const pick = <Key extends 'list' | 'added' | 'gone'>(key: Key) => ({
      volumes: volumes[key],
      cuts: cuts[key],
      origins: origins[key],
      attachments: attachments[key],
      tombstones: tombstones[key],
      clones: clones[key],
    })
    this.#sent = pick('list') as Lists
    return { added: { revision, node, ...(pick('added') as Lists) }, gone: pick('gone') as Gone }
  }
}

interface Compared<Item> {
  /** As the receiver has it then. */
  readonly list: readonly Item[]
  readonly added: readonly Item[]
  readonly gone: readonly number[]
}

function compared<Item>(before: readonly Item[], now: readonly Item[]): Compared<Item> {
  const [was, is] = [new Set(before), new Set(now)]
  const gone = [...before.keys()].filter((at) => !is.has(before[at] as Item))
  const added = now.filter((item) => !was.has(item))
  const list = [...before.filter((item) => is.has(item)), ...added]
  return { list, added, gone }
}

/** Throws PROTOCOL when a place is none of the lists before. */
export function applied(before: NodeRecords, { added, gone }: RecordChanges): NodeRecords {
  const { revision, node } = added
  return {
    revision,
    node,
    volumes: merged(before.volumes, gone.volumes, added.volumes),
    cuts: merged(before.cuts, gone.cuts, added.cuts),
    origins: merged(before.origins, gone.origins, added.origins),
    attachments: merged(before.attachments, gone.attachments, added.attachments),
    tombstones: merged(before.tombstones, gone.tombstones, added.tombstones),
    clones: merged(before.clones, gone.clones, added.clones),
  }
}

function merged<Item>(
  before: readonly Item[],
  gone: readonly number[],
  added: readonly Item[],
): readonly Item[] {
  const places = new Set(gone)
  const outside = gone.some((at) => at >= before.length)
  if (outside || places.size !== gone.length) {
    throw new AshlarError('PROTOCOL', 'the node changes records that it has not sent')
  }
  return [...before.filter((_, at) => !places.has(at)), ...added]
}
