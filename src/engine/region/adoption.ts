// Volumes and attachments of a catalog that was made from records: they are in no record, and the nodes
// have them all the same. Names, tags and resource groups are lost; a volume is given the name its newest
// snapshot remembers.

import { type Id, isId } from '../../base/ids.js'
import { defaultResourceGroup } from '../../base/limits.js'
import type { Tables } from '../../catalog/catalog.js'
import type { VolumeSource } from '../../catalog/rows.js'
import type { NodeRecords } from '../zone-control.js'
import { type RegionContext, chooseName } from './context.js'
import { nowMs } from './now.js'

type VolumeRecord = NodeRecords['volumes'][number]

/**
 * Writes rows for what has none. Only while the catalog is being recovered: at any other time a record
 * without a row is an orphan. `isFresh`: nothing that the region has ordered since is missing from the
 * records.
 */
export async function adoptRecords(
  context: RegionContext,
  records: NodeRecords,
  isFresh: () => boolean,
): Promise<void> {
  const { catalog, log } = context
  if (!(await catalog.read.meta.isRecovered())) return
  const node = records.node.name
  for (const volume of records.volumes) {
    const { volumeId: id } = volume
    if (!isId(id)) continue
    const adopted = await catalog.write(async (tables) => {
      if ((await tables.volumes.find(id)) !== undefined || !isFresh()) return false
      await insertVolume(context, tables, records, { ...volume, volumeId: id })
      return true
    })
    if (adopted) log.warn({ volume: id, node }, 'volume adopted')
  }
  for (const { attachmentId: id, volumeId, host, readOnly, detaching } of records.attachments) {
    if (!isId(id) || !isId(volumeId)) continue
    const adopted = await catalog.write(async (tables) => {
      if ((await tables.attachments.find(id)) !== undefined || !isFresh()) return false
      if ((await tables.attachments.ofVolume(volumeId)) !== undefined) return false
      if ((await tables.volumes.find(volumeId)) === undefined) return false
      const state = detaching ? 'detaching' : 'attached'
      const createdMs = nowMs(context.clock)
      await tables.attachments.insert({ id, volumeId, host, readOnly, state, createdMs })
      return true
    })
    if (adopted) log.warn({ attachment: id, volume: volumeId, node }, 'attachment adopted')
  }
}

async function insertVolume(
  context: RegionContext,
  tables: Tables,
  records: NodeRecords,
  { volumeId: id, bytes, hydrated, originSnapshotId }: VolumeRecord & { readonly volumeId: Id },
): Promise<void> {
  const { name: node, zone } = records.node
  const [newest] = await tables.snapshots.stableOfVolume(id)
  const remembered = newest?.sourceVolume?.name ?? ''
  const free = remembered !== '' && (await tables.volumes.holdingName(remembered)) === undefined
  await tables.volumes.insert({
    id,
    name: await chooseName(free ? remembered : '', (name) => tables.volumes.holdingName(name)),
    zone,
    node,
    state: 'available',
    bytes,
    grantedBytes: bytes,
    revision: 1,
    labels: {
      userTags: [],
      resourceGroup: defaultResourceGroup,
      operatingSystem: newest?.labels.operatingSystem,
      sourceImage: newest?.labels.sourceImage,
    },
    source: await sourceOf(tables, records, originSnapshotId),
    hydrated,
    fullSeal: false,
    auditedMs: undefined,
    createdMs: nowMs(context.clock),
  })
}

// Once it has all of it, a node does not remember what a volume was made from.
async function sourceOf(
  tables: Tables,
  { origins }: NodeRecords,
  snapshotId: string | undefined,
): Promise<VolumeSource> {
  const origin = origins.find((found) => found.snapshotId === snapshotId)
  if (snapshotId === undefined || !isId(snapshotId)) return { kind: 'empty' }
  if (origin === undefined || !isId(origin.pinId)) return { kind: 'empty' }
  const snapshot = await tables.snapshots.find(snapshotId)
  const snapshotName = snapshot?.name ?? ''
  return { kind: 'origin', snapshotId, snapshotName, pinId: origin.pinId }
}
