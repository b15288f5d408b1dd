// The snapshot row as the store keeps it (DESIGN 7, "The catalog is not the only root"): JSON, so
// that a catalog can be rebuilt by versions that have never seen this one.

import type { SnapshotRow } from '../../catalog/rows.js'

export function snapshotRecord(row: SnapshotRow): Buffer {
  const { seq: _, state: _state, reason: _reason, manifest, ...rest } = row
  const text = JSON.stringify(
    { version: 1, ...rest, manifest: manifest?.toString('base64') },
    (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  )
  return Buffer.from(text, 'utf8')
}
