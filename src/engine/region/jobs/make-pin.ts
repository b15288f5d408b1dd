// The pin that keeps a stable snapshot's content while somebody outside the region works on it.

import type { PinRow, SnapshotRow } from '../../../catalog/rows.js'
import { nowMs } from '../core/now.js'
import type { RegionContext } from '../nodes/context.js'

/** Undefined unless the snapshot is stable. To be written before the work is ordered. */
export function makePin(
  context: RegionContext,
  snapshot: SnapshotRow,
  what: Pick<PinRow, 'holder' | 'purpose' | 'objectId'>,
): PinRow | undefined {
  const { rootHex, manifest } = snapshot
  if (snapshot.state !== 'stable' || rootHex === undefined || manifest === undefined) {
    return undefined
  }
  return {
    id: context.newId(),
    rootHex,
    snapshotId: snapshot.id,
    manifest,
    ...what,
    state: 'claimed',
    createdMs: nowMs(context.clock),
  }
}
