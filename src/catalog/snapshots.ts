// Rows of snapshots. They outlive their volume: its last name stays with them.

import { type ExpressionBuilder, type Insertable, type Kysely, type Selectable, sql } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import {
  bufferOf,
  bytesOf,
  idOf,
  jsonOrNull,
  labelColumns,
  labelsOf,
  oneOf,
  reasonOf,
} from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import { type Page, type PageRequest, readPage } from './page.js'
import {
  type Labels,
  type New,
  type Reason,
  type SnapshotRow,
  type SnapshotSource,
  type SnapshotSourceVolume,
  type SnapshotState,
  snapshotStates,
} from './rows.js'
import type { Schema, SnapshotTable } from './schema.js'

export interface SnapshotFilter {
  readonly name?: string
  readonly sourceVolumeId?: Id
  readonly userTag?: string
  readonly resourceGroup?: string
  readonly states?: readonly SnapshotState[]
  readonly cloneZone?: string
  /** Of the snapshot they are copies of. */
  readonly sourceSnapshotId?: Id
  readonly copyRegion?: string
}

export interface SnapshotChange {
  readonly name?: string
  readonly userTags?: readonly string[]
  readonly revision?: number
  readonly state?: SnapshotState
  readonly reason?: Reason | null
  readonly epoch?: number
  readonly bytes?: bigint
  readonly capturedNs?: bigint
  readonly rootHex?: string
  readonly manifest?: Buffer
  readonly storedBytes?: bigint
  readonly sourceVolume?: SnapshotSourceVolume
  readonly sourceSnapshot?: SnapshotSource
  readonly labels?: Labels
  readonly logicalBytes?: bigint
  readonly transferredBytes?: bigint
  readonly fullSeal?: boolean
}

export class Snapshots {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Throws NAME_DUPLICATE when another snapshot holds the name. */
  async insert(row: New<SnapshotRow>): Promise<void> {
    await this.#db.insertInto('snapshots').values(columnsOf(row)).execute()
  }

  async find(id: Id): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Which of these there are. */
  async existing(ids: readonly Id[]): Promise<ReadonlySet<Id>> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .select('id')
      .where('id', 'in', oneOfIds(ids))
      .execute()
    return new Set(rows.map(({ id }) => idOf(id)))
  }

  async holdingName(name: string): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('name', '=', name)
      .where('state', '<>', 'deleting')
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Those with work left to do, oldest first. */
  async unsettled(): Promise<readonly SnapshotRow[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('state', 'in', ['cutting', 'waiting', 'captured', 'committing', 'deleting'])
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  /** Those whose cut is not known to be there yet. */
  async cuttingOf(node: string): Promise<readonly Id[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .select('id')
      .where('state', '=', 'cutting')
      .where('node', '=', node)
      .execute()
    return rows.map(({ id }) => idOf(id))
  }

  /** The newest stable one of the volume with a cut before `epoch`. */
  async stableBefore(volumeId: Id, epoch: number): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('source_volume_id', '=', volumeId)
      .where('state', '=', 'stable')
      .where('epoch', '<', epoch)
      .orderBy('epoch', 'desc')
      // Epochs come again after a pool went back; the node knows the later one.
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Of those of the volume whose cut is there and whose job is not done, the oldest. */
  async firstUnderWay(volumeId: Id): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('source_volume_id', '=', volumeId)
      .where('source_snapshot_crn', 'is', null)
      .where('state', 'in', ['captured', 'committing'])
      .orderBy('epoch')
      .limit(1)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Of all volumes: how many have a cut and a job that is not done, and when the oldest was captured. */
  async underWay(): Promise<{ readonly count: number; readonly oldestNs: bigint | undefined }> {
    const { count, oldest } = await this.#db
      .selectFrom('snapshots')
      .select(({ fn }) => [
        fn.countAll<number>().as('count'),
        // As text: since 2001 and until 2286 they are of one length.
        fn.min('captured_ns').as('oldest'),
      ])
      .where('source_snapshot_crn', 'is', null)
      .where('state', 'in', ['captured', 'committing'])
      .executeTakeFirstOrThrow()
    return { count, oldestNs: oldest === null ? undefined : BigInt(oldest) }
  }

  /** Marks those of all volumes of the node whose job is not done, as `sealFully` does. */
  async sealFullyOfNode(node: string): Promise<void> {
    await this.#db
      .updateTable('snapshots')
      .set({ full_seal: 1 })
      .where('node', '=', node)
      .where('state', 'in', ['cutting', 'captured'])
      .execute()
  }

  /** Marks those of the volume whose job is not done: they are sealed without a base. */
  async sealFully(volumeId: Id): Promise<void> {
    await this.#db
      .updateTable('snapshots')
      .set({ full_seal: 1 })
      .where('source_volume_id', '=', volumeId)
      .where('state', 'in', ['cutting', 'captured'])
      .execute()
  }

  /** What the store must keep for rows of this catalog, those on their way out included. */
  async manifests(): Promise<readonly Buffer[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .select('manifest')
      .where('state', 'in', ['committing', 'stable', 'deleting'])
      // A copy knows its manifest before it has the content.
      .where('root_hex', 'is not', null)
      .execute()
    return rows.flatMap(({ manifest }) => (manifest === null ? [] : [manifest]))
  }

  /** Those of the node with work left to do, oldest first. */
  async unsettledOfNode(node: string): Promise<readonly SnapshotRow[]> {
    return (await this.unsettled()).filter((row) => row.node === node)
  }

  async page(filter: SnapshotFilter, page: PageRequest): Promise<Page<SnapshotRow>> {
    return await readPage({
      page,
      count: async () => {
        const found = await this.#db
          .selectFrom('snapshots')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where((eb) => matches(eb, filter))
          .executeTakeFirstOrThrow()
        return found.count
      },
      rows: async (before, limit) => {
        const rows = await this.#db
          .selectFrom('snapshots')
          .selectAll()
          .where((eb) => matches(eb, filter))
          .where('seq', '<', before)
          .orderBy('seq', 'desc')
          .limit(limit)
          .execute()
        return rows.map(rowOf)
      },
    })
  }

  /** Throws NAME_DUPLICATE when another snapshot holds the new name. */
  async update(id: Id, change: SnapshotChange): Promise<void> {
    await this.#db
      .updateTable('snapshots')
      .set({
        ...(change.name === undefined ? {} : { name: change.name }),
        ...(change.userTags === undefined ? {} : { user_tags: JSON.stringify(change.userTags) }),
        ...(change.revision === undefined ? {} : { revision: change.revision }),
        ...(change.state === undefined ? {} : { state: change.state }),
        ...(change.reason === undefined ? {} : { reason: jsonOrNull(change.reason ?? undefined) }),
        ...(change.epoch === undefined ? {} : { epoch: change.epoch }),
        ...(change.bytes === undefined ? {} : { bytes: Number(change.bytes) }),
        ...(change.capturedNs === undefined ? {} : { captured_ns: String(change.capturedNs) }),
        ...(change.rootHex === undefined ? {} : { root_hex: change.rootHex }),
        ...(change.manifest === undefined ? {} : { manifest: change.manifest }),
        ...(change.storedBytes === undefined ? {} : { stored_bytes: Number(change.storedBytes) }),
        ...(change.sourceVolume === undefined ? {} : sourceVolumeColumns(change.sourceVolume)),
        ...(change.sourceSnapshot === undefined
          ? {}
          : sourceSnapshotColumns(change.sourceSnapshot)),
        ...(change.labels === undefined ? {} : labelColumns(change.labels)),
        ...(change.logicalBytes === undefined
          ? {}
          : { logical_bytes: Number(change.logicalBytes) }),
        ...(change.transferredBytes === undefined
          ? {}
          : { transferred_bytes: Number(change.transferredBytes) }),
        ...(change.fullSeal === undefined ? {} : { full_seal: Number(change.fullSeal) }),
      })
      .where('id', '=', id)
      .execute()
  }

  async renameSource(volumeId: Id, name: string): Promise<void> {
    await this.#db
      .updateTable('snapshots')
      .set({ source_volume_name: name })
      .where('source_volume_id', '=', volumeId)
      .execute()
  }

  /** Stable snapshots of one volume, of this or of another region, newest first. */
  async stableOfVolume(volumeId: Id): Promise<readonly SnapshotRow[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('source_volume_id', '=', volumeId)
      .where('state', '=', 'stable')
      .orderBy('seq', 'desc')
      .execute()
    return rows.map(rowOf)
  }

  /** Newest first. */
  async allStable(): Promise<readonly { readonly id: Id }[]> {
    const rows = await this.#db
      .selectFrom('snapshots')
      .select('id')
      .where('state', '=', 'stable')
      .orderBy('seq', 'desc')
      .execute()
    return rows.map(({ id }) => ({ id: idOf(id) }))
  }

  /** A stable copy of that snapshot of another region. */
  async copyOf(sourceId: Id): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('source_snapshot_crn', 'like', `%:snapshot:${sourceId}`)
      .where('state', '=', 'stable')
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** A stable snapshot of exactly this content. */
  async stableWith(manifest: Buffer): Promise<SnapshotRow | undefined> {
    const row = await this.#db
      .selectFrom('snapshots')
      .selectAll()
      .where('manifest', '=', manifest)
      .where('state', '=', 'stable')
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  async remove(id: Id): Promise<void> {
    failpoint('snapshotRow')
    await this.#db.deleteFrom('snapshots').where('id', '=', id).execute()
  }
}

function matches(eb: ExpressionBuilder<Schema, 'snapshots'>, filter: SnapshotFilter) {
  const all = []
  if (filter.name !== undefined) all.push(eb('name', '=', filter.name))
  if (filter.sourceVolumeId !== undefined) {
    all.push(eb('source_volume_id', '=', filter.sourceVolumeId))
  }
  if (filter.resourceGroup !== undefined) all.push(eb('resource_group', '=', filter.resourceGroup))
  if (filter.states !== undefined) all.push(eb('state', 'in', filter.states))
  if (filter.userTag !== undefined) {
    all.push(sql<boolean>`${filter.userTag} in (select value from json_each(user_tags))`)
  }
  if (filter.sourceSnapshotId !== undefined) {
    all.push(eb('source_snapshot_crn', 'like', `%:snapshot:${filter.sourceSnapshotId}`))
  }
  if (filter.cloneZone !== undefined) {
    all.push(sql<boolean>`snapshots.id in (
      select snapshot_id from clones where zone = ${filter.cloneZone} and state <> 'deleting')`)
  }
  if (filter.copyRegion !== undefined) {
    all.push(sql<boolean>`snapshots.id in (
      select snapshot_id from copies where region = ${filter.copyRegion} and state = 'committed')`)
  }
  return eb.and(all)
}

function sourceVolumeColumns(source: SnapshotSourceVolume | undefined) {
  return {
    source_volume_id: source?.id ?? null,
    source_volume_name: source?.name ?? null,
    source_volume_zone: source?.zone ?? null,
    source_volume_region: source?.region ?? null,
  }
}

function sourceSnapshotColumns(source: SnapshotSource | undefined) {
  return {
    source_snapshot_crn: source?.crn ?? null,
    source_snapshot_name: source?.name ?? null,
  }
}

function columnsOf(row: New<SnapshotRow>): Insertable<SnapshotTable> {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    reason: jsonOrNull(row.reason),
    zone: row.zone,
    node: row.node,
    ...sourceVolumeColumns(row.sourceVolume),
    ...sourceSnapshotColumns(row.sourceSnapshot),
    bytes: Number(row.bytes),
    epoch: row.epoch ?? null,
    captured_ns: row.capturedNs === undefined ? null : String(row.capturedNs),
    root_hex: row.rootHex ?? null,
    manifest: row.manifest ?? null,
    stored_bytes: Number(row.storedBytes),
    logical_bytes: Number(row.logicalBytes),
    transferred_bytes: Number(row.transferredBytes),
    full_seal: Number(row.fullSeal),
    revision: row.revision,
    ...labelColumns(row.labels),
    created_ms: row.createdMs,
  }
}

function rowOf(row: Selectable<SnapshotTable>): SnapshotRow {
  return {
    seq: row.seq,
    id: idOf(row.id),
    name: row.name,
    state: oneOf(snapshotStates, row.state),
    reason: reasonOf(row.reason),
    zone: row.zone,
    node: row.node,
    sourceVolume: sourceVolumeOf(row),
    sourceSnapshot:
      row.source_snapshot_crn === null
        ? undefined
        : { crn: row.source_snapshot_crn, name: row.source_snapshot_name ?? '' },
    bytes: bytesOf(row.bytes),
    epoch: row.epoch ?? undefined,
    capturedNs: row.captured_ns === null ? undefined : BigInt(row.captured_ns),
    rootHex: row.root_hex ?? undefined,
    manifest: bufferOf(row.manifest),
    storedBytes: bytesOf(row.stored_bytes),
    logicalBytes: bytesOf(row.logical_bytes),
    transferredBytes: bytesOf(row.transferred_bytes),
    fullSeal: row.full_seal !== 0,
    revision: row.revision,
    labels: labelsOf(row),
    createdMs: row.created_ms,
  }
}

function sourceVolumeOf(row: Selectable<SnapshotTable>): SnapshotSourceVolume | undefined {
  if (row.source_volume_id === null) return undefined
  return {
    id: idOf(row.source_volume_id),
    name: row.source_volume_name ?? '',
    zone: row.source_volume_zone ?? '',
    ...(row.source_volume_region === null ? {} : { region: row.source_volume_region }),
  }
}
