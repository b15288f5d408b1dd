// What a node has and a catalog does not know that is new, or was made or mended from records: volumes,
// attachments, clones, and the pins that keep what they still fetch. Names, tags and resource groups
// are lost; a volume is given the name its newest snapshot remembers.

import { AshlarError } from '../../../base/error.js'
import { type Id, isId } from '../../../base/ids.js'
import { defaultResourceGroup } from '../../../base/limits.js'
import { suffixedName } from '../../../base/names.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { PinRow, VolumeRow, VolumeSource } from '../../../catalog/rows.js'
import type { NodeRecords } from '../../zone-control.js'
import { nowMs } from '../core/now.js'
import { type RegionContext, chooseName } from './context.js'

type VolumeRecord = NodeRecords['volumes'][number] & { readonly volumeId: Id }
type Origin = NodeRecords['origins'][number]

export interface Adopting {
  readonly context: RegionContext
  /** Undefined for what is no manifest. */
  readonly rootOf: (manifest: Buffer) => string | undefined
}

/**
 * Writes rows for what has none; what has one, and is as it was, stays. Requires: no order to this node
 * is under way, or has been answered since the records were taken. Throws FAILED_PRECONDITION when a
 * pin cannot be made: content would be collected that the node still needs.
 */
export async function adoptRecords(
  adopting: Adopting,
  tables: Tables,
  records: NodeRecords,
): Promise<void> {
  const { context } = adopting
  const { name: node } = records.node
  const unpinned = await adoptPins(adopting, tables, records)
  if (unpinned !== undefined) {
    throw new AshlarError(
      'FAILED_PRECONDITION',
      `node ${node} needs snapshot ${unpinned}, which is deleted, and does not say its manifest: ` +
        'start the node with this version of the program',
    )
  }
  const adopted = {
    volumes: await adoptVolumes(context, tables, records),
    attachments: await adoptAttachments(context, tables, records),
    clones: await adoptClones(context, tables, records),
  }
  const isNews = Object.values(adopted).some((count) => count > 0)
  if (isNews) context.log.warn({ node, adopted }, 'what the node has is taken over')
}

/** Answers a snapshot whose content is not known, and was not told. */
export async function adoptPins(
  adopting: Adopting,
  tables: Tables,
  records: NodeRecords,
): Promise<string | undefined> {
  const { clock, log } = adopting.context
  let unpinned: string | undefined
  for (const origin of records.origins) {
    const { pinId, snapshotId } = origin
    if (!isId(pinId) || !isId(snapshotId)) continue
    if ((await tables.pins.find(pinId)) !== undefined) continue
    const content = await contentOf(adopting, tables, origin)
    if (content === undefined) {
      unpinned = snapshotId
      continue
    }
    const holder = records.node.name
    const pin = { id: pinId, snapshotId, holder, state: 'held', createdMs: nowMs(clock) } as const
    await tables.pins.insert({ ...pin, ...content, ...objectOf(records, snapshotId, pinId) })
    log.warn({ pin: pinId, snapshot: snapshotId, node: holder }, 'pin restored')
  }
  return unpinned
}

// What the catalog knows of the snapshot goes before what a node says.
async function contentOf(
  { rootOf }: Adopting,
  tables: Tables,
  { snapshotId, manifest }: Origin,
): Promise<Pick<PinRow, 'rootHex' | 'manifest'> | undefined> {
  const row = isId(snapshotId) ? await tables.snapshots.find(snapshotId) : undefined
  if (row?.rootHex !== undefined && row.manifest !== undefined) {
    return { rootHex: row.rootHex, manifest: row.manifest }
  }
  const rootHex = rootOf(manifest)
  return rootHex === undefined ? undefined : { rootHex, manifest }
}

function objectOf(
  { volumes, clones }: NodeRecords,
  snapshotId: Id,
  pinId: Id,
): Pick<PinRow, 'purpose' | 'objectId'> {
  const volume = volumes.find(({ originSnapshotId }) => originSnapshotId === snapshotId)
  if (volume !== undefined && isId(volume.volumeId)) {
    return { purpose: 'restore', objectId: volume.volumeId }
  }
  const clone = clones.find((found) => found.snapshotId === snapshotId && !found.available)
  if (clone !== undefined && isId(clone.cloneId)) {
    return { purpose: 'clone', objectId: clone.cloneId }
  }
  return { purpose: 'restore', objectId: pinId }
}

async function adoptVolumes(
  context: RegionContext,
  tables: Tables,
  records: NodeRecords,
): Promise<number> {
  let count = 0
  for (const volume of records.volumes) {
    const { volumeId } = volume
    if (!isId(volumeId)) continue
    const row = await tables.volumes.find(volumeId)
    if (row === undefined) {
      await insertVolume(context, tables, records, { ...volume, volumeId })
      count++
    } else if (row.node === records.node.name && volume.bytes > row.grantedBytes) {
      const bytes = volume.bytes > row.bytes ? volume.bytes : row.bytes
      await tables.volumes.update(volumeId, { grantedBytes: volume.bytes, bytes })
    }
  }
  return count
}

async function insertVolume(
  context: RegionContext,
  tables: Tables,
  records: NodeRecords,
  { volumeId: id, bytes, hydrated, originSnapshotId }: VolumeRecord,
): Promise<void> {
  const { name: node, zone } = records.node
  const [newest] = await tables.snapshots.stableOfVolume(id)
  const name = await nameOf(tables, id, newest?.sourceVolume?.name ?? '')
  await tables.volumes.insert({
    id,
    name,
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
  if (newest !== undefined) await tables.snapshots.renameSource(id, name)
}

// Another volume may have been given its name meanwhile.
async function nameOf(tables: Tables, id: Id, remembered: string): Promise<string> {
  const taken = async (name: string): Promise<VolumeRow | undefined> =>
    await tables.volumes.holdingName(name)
  if (remembered === '') return await chooseName('', taken)
  for (const name of [remembered, suffixedName(remembered, id)]) {
    if ((await taken(name)) === undefined) return name
  }
  return await chooseName('', taken)
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

// A volume has one host at most. Where the node has another than an old row says, the row is wrong.
async function adoptAttachments(
  { clock }: RegionContext,
  tables: Tables,
  { node, attachments }: NodeRecords,
): Promise<number> {
  const listed = new Set<string>(attachments.map(({ attachmentId }) => attachmentId))
  let count = 0
  for (const { attachmentId: id, volumeId, host, readOnly, detaching } of attachments) {
    if (!isId(id) || !isId(volumeId)) continue
    if ((await tables.volumes.find(volumeId))?.node !== node.name) continue
    if ((await tables.attachments.find(id)) !== undefined) continue
    const other = await tables.attachments.ofVolume(volumeId)
    if (other !== undefined) {
      if (listed.has(other.id)) continue
      await tables.requests.removeOf(other.id)
      await tables.attachments.remove(other.id)
    }
    const state = detaching ? 'detaching' : 'attached'
    await tables.attachments.insert({
      id,
      volumeId,
      host,
      readOnly,
      state,
      createdMs: nowMs(clock),
    })
    count++
  }
  return count
}

async function adoptClones(
  { clock, newId }: RegionContext,
  tables: Tables,
  { node: { name: node, zone }, clones, origins }: NodeRecords,
): Promise<number> {
  let count = 0
  for (const { cloneId: id, snapshotId, available } of clones) {
    if (!isId(id) || !isId(snapshotId)) continue
    const snapshot = await tables.snapshots.find(snapshotId)
    if (snapshot?.state !== 'stable' || (await tables.clones.find(id)) !== undefined) continue
    const rows = await tables.clones.ofSnapshot(snapshotId)
    const other = rows.find((row) => row.zone === zone && row.state !== 'deleting')
    if (other?.place !== undefined) continue
    // It was asked for meanwhile, and is here.
    if (other !== undefined) await tables.clones.remove(other.id)
    const pin = origins.find((origin) => origin.snapshotId === snapshotId)?.pinId ?? ''
    await tables.clones.insert({
      id,
      snapshotId,
      zone,
      state: available ? 'available' : 'building',
      // One that is complete has no pin any more.
      place: { node, pinId: isId(pin) ? pin : newId() },
      reason: undefined,
      createdMs: nowMs(clock),
    })
    count++
  }
  return count
}
