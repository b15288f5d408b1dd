// The nodes of a zone: which hold a snapshot's content, and which has the most room.

import { AshlarError } from '../../../base/error.js'
import { quote } from '../../../base/ids.js'
import type { SnapshotRow } from '../../../catalog/rows.js'
import type { RegionContext } from './context.js'
import type { NodeLink } from './node-link.js'

/** At least one. Throws ZONE_NOT_FOUND naming `field`. */
export function nodesOfZone(
  { links, region }: Pick<RegionContext, 'links' | 'region'>,
  zone: string,
  field: string,
): readonly NodeLink[] {
  const found = [...links.values()].filter((link) => link.zone === zone)
  if (found.length > 0) return found
  throw new AshlarError('ZONE_NOT_FOUND', `region ${region.name} has no zone ${quote(zone)}`, {
    field,
    metadata: { zone },
  })
}

/**
 * The node has a cut of the snapshot: the one that was taken, or the image of a clone. A cut just
 * taken may not be in the records yet; what the row says of a pending one is enough.
 */
export function holdsCut(link: NodeLink, snapshot: SnapshotRow): boolean {
  if (link.state.kind === 'away') return false
  const pending = snapshot.state === 'captured' || snapshot.state === 'committing'
  if (pending && link.name === snapshot.node) return true
  return link.state.records.cuts.some(
    ({ snapshotId, hidden }) => snapshotId === snapshot.id && !hidden,
  )
}

/** The node has a clone of the snapshot that is fully local. */
export function holdsClone(link: NodeLink, snapshot: SnapshotRow): boolean {
  if (link.state.kind === 'away') return false
  return link.state.records.clones.some(
    ({ snapshotId, available }) => snapshotId === snapshot.id && available,
  )
}

/** Throws REMOTE_UNAVAILABLE when no node is here. */
export function roomiest(links: readonly NodeLink[]): NodeLink {
  let best: NodeLink | undefined
  let bestFree = -1n
  for (const link of links) {
    if (link.state.kind === 'away' || link.state.records.node.readOnly) continue
    const { freeBytes } = link.state.records.node
    if (freeBytes > bestFree) [best, bestFree] = [link, freeBytes]
  }
  if (best !== undefined) return best
  const away = links.find(({ state }) => state.kind === 'away')
  away?.requireHere()
  throw new AshlarError(
    'POOL_READ_ONLY',
    `every pool of zone ${links[0]?.zone ?? ''} is read-only after a failed write`,
    { field: 'zone' },
  )
}
