// What every part of a region's engine works with. Made once, by Region.

import type { Clock } from '../../../base/clock.js'
import { AshlarError } from '../../../base/error.js'
import { type Id, quote } from '../../../base/ids.js'
import type { Logger } from '../../../base/logger.js'
import { makeName } from '../../../base/names.js'
import type { Catalog } from '../../../catalog/catalog.js'
import type { Drives } from '../core/drives.js'
import type { RequestLog } from '../core/request-log.js'
import type { NodeLink } from './node-link.js'

export interface RegionContext {
  readonly account: string
  readonly region: { readonly name: string; readonly number: number }
  readonly catalog: Catalog
  readonly clock: Clock
  readonly log: Logger
  readonly links: ReadonlyMap<string, NodeLink>
  readonly drives: Drives
  readonly requests: RequestLog
  readonly newId: () => Id
}

export const timing = {
  /** How long a caller waits for a node before the call is undone or answered as it stands. */
  orderMs: 10_000,
  /** Requests of a detached host may finish within this. */
  detachGraceMs: 5_000,
} as const

/** Throws INTERNAL: rows only name configured nodes, and a configuration that drops one is refused. */
export function linkOf(context: Pick<RegionContext, 'links'>, node: string): NodeLink {
  const link = context.links.get(node)
  if (link !== undefined) return link
  throw new AshlarError('INTERNAL', `node ${node} is in the catalog but not in the configuration`)
}

/** The given name, or one that `taken` does not know. */
export async function chooseName(
  given: string,
  taken: (name: string) => Promise<unknown>,
): Promise<string> {
  if (given !== '') return given
  for (let attempt = 0; attempt < 20; attempt++) {
    const name = makeName()
    if ((await taken(name)) === undefined) return name
  }
  throw new AshlarError('INTERNAL', 'no free name was found')
}

/** Throws ETAG_MISMATCH unless empty or the revision's. */
export function checkEtag(etag: string, row: { readonly id: Id; readonly revision: number }): void {
  if (etag === '' || etag === etagOf(row.revision)) return
  throw new AshlarError(
    'ETAG_MISMATCH',
    `${row.id} has changed since it was read: its etag is ${etagOf(row.revision)}, not ${quote(etag)}`,
    { field: 'etag', metadata: { etag: etagOf(row.revision) } },
  )
}

export const etagOf = (revision: number): string => `"${revision}"`

interface Labelled {
  readonly name: string
  readonly revision: number
  readonly labels: { readonly userTags: readonly string[] }
}

/** Moves when name or tags will be others than they are. Requires: tags sorted, as `parseTags` does. */
export function revisionAfter(
  row: Labelled,
  {
    name = row.name,
    userTags = row.labels.userTags,
  }: { name?: string; userTags?: readonly string[] },
): number {
  const same = name === row.name && userTags.join() === row.labels.userTags.join()
  return same ? row.revision : row.revision + 1
}

/** Runs `wait` for at most `ms`; 'late' when it takes longer. Rejects as `wait` does. */
export async function atMost(
  ms: number,
  clock: Clock,
  wait: Promise<void>,
): Promise<'settled' | 'late'> {
  const stop = new AbortController()
  try {
    return await Promise.race([
      wait.then(() => 'settled' as const),
      clock.sleep(ms, stop.signal).then(() => 'late' as const),
    ])
  } finally {
    stop.abort()
  }
}
