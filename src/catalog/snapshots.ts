// Rows of snapshots. They outlive their volume: its last name stays with them.

import { type ExpressionBuilder, type Insertable, type Kysely, type Selectable, sql } from 'kysely'

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
import { type Page, type PageRequest, readPage } from './page.js'
import {
  type New,
  type Reason,
  type SnapshotRow,
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
      .where('state', 'in', ['cutting', 'captured', 'committing', 'deleting'])
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
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
      .where('state', 'in', ['captured', 'committing'])
      .orderBy('epoch')
      .limit(1)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
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
      .where('manifest', 'is not', null)
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

  async remove(id: Id): Promise<void> {
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
  return eb.and(all)
}

function columnsOf(row: New<SnapshotRow>): Insertable<SnapshotTable> {
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    reason: jsonOrNull(row.reason),
    zone: row.zone,
    node: row.node,
    source_volume_id: row.sourceVolume.id,
    source_volume_name: row.sourceVolume.name,
    source_volume_zone: row.sourceVolume.zone,
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
    sourceVolume: {
      id: idOf(row.source_volume_id),
      name: row.source_volume_name,
      zone: row.source_volume_zone,
    },
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
