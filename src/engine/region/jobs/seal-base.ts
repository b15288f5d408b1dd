// What a snapshot is sealed against: the nearest tree of the region that its cut descends from. The
// node decides whether the two are related; a wrong guess costs a full list, never a wrong root.

import type { Tables } from '../../../catalog/catalog.js'
import type { Base, SnapshotRow } from '../../../catalog/rows.js'

/**
 * The newest stable snapshot of the same volume with an older cut; else the snapshot that the volume
 * was restored from, as its row or its pin has it; else none.
 */
export async function sealBase(tables: Tables, row: SnapshotRow): Promise<Base | undefined> {
  if (row.fullSeal || row.epoch === undefined || row.sourceVolume === undefined) return undefined
  const { id: volumeId } = row.sourceVolume
  const newest = await tables.snapshots.stableBefore(volumeId, row.epoch)
  if (newest !== undefined) return baseOf(newest)
  const volume = await tables.volumes.find(volumeId)
  if (volume === undefined || volume.source.kind === 'empty') return undefined
  const source = await tables.snapshots.find(volume.source.snapshotId)
  if (source?.state === 'stable') return baseOf(source)
  return volume.source.kind === 'origin' ? await tables.pins.find(volume.source.pinId) : undefined
}

function baseOf(row: SnapshotRow): Base | undefined {
  const { id: snapshotId, rootHex, manifest, logicalBytes } = row
  if (rootHex === undefined || manifest === undefined) return undefined
  // One that was sealed on a base of unknown size says 0, as one without data does.
  const known = logicalBytes > 0n || isEmpty(manifest)
  return { snapshotId, rootHex, manifest, ...(known ? { logicalBytes } : {}) }
}

// The last 32 bytes of a manifest are the root of its tree, which is zero for zeros.
const isEmpty = (manifest: Buffer): boolean => manifest.subarray(48).every((byte) => byte === 0)
