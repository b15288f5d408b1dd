// Rows of volumes. A name is held by one volume at a time; one on its way out holds none.

import { type ExpressionBuilder, type Insertable, type Kysely, type Selectable, sql } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { bytesOf, corrupt, idOf, labelColumns, labelsOf, oneOf } from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import { type Page, type PageRequest, readPage } from './page.js'
import {
  type Labels,
  type New,
  type VolumeRow,
  type VolumeSource,
  type VolumeState,
  volumeStates,
} from './rows.js'
import type { Schema, VolumeTable } from './schema.js'

export interface VolumeFilter {
  readonly name?: string
  readonly zone?: string
  readonly userTag?: string
  readonly attachmentState?: 'attached' | 'unattached' | 'unusable'
  readonly resourceGroup?: string
  readonly sourceSnapshotId?: Id
}

export interface VolumeChange {
  readonly name?: string
  readonly userTags?: readonly string[]
  readonly state?: VolumeState
  readonly bytes?: bigint
  readonly grantedBytes?: bigint
  readonly revision?: number
  readonly source?: VolumeSource
  readonly hydrated?: boolean
  readonly fullSeal?: boolean
  readonly auditedMs?: number
}

export class Volumes {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Throws NAME_DUPLICATE when another volume holds the name. */
  async insert(row: New<VolumeRow>): Promise<void> {
    await this.#db.insertInto('volumes').values(columnsOf(row)).execute()
  }

  async find(id: Id): Promise<VolumeRow | undefined> {
    const row = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  async withIds(ids: readonly Id[]): Promise<readonly VolumeRow[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where('id', 'in', oneOfIds(ids))
      .execute()
    return rows.map(rowOf)
  }

  /** Which of these there are. */
  async existing(ids: readonly Id[]): Promise<ReadonlySet<Id>> {
    const rows = await this.#db
      .selectFrom('volumes')
      .select('id')
      .where('id', 'in', oneOfIds(ids))
      .execute()
    return new Set(rows.map(({ id }) => idOf(id)))
  }

  async holdingName(name: string): Promise<VolumeRow | undefined> {
    const row = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where('name', '=', name)
      .where('state', '<>', 'deleting')
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Those whose operation is not finished, oldest first. */
  async unsettled(): Promise<readonly VolumeRow[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where('state', 'in', ['creating', 'growing', 'deleting'])
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  async ofNode(node: string): Promise<readonly VolumeRow[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where('node', '=', node)
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  /** Those of `ids` that still fetch their data, as far as is known here. */
  async hydratingOf(node: string, ids: readonly string[]): Promise<readonly Id[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .select('id')
      .where('node', '=', node)
      // Written out: an index on these alone is used for no parameter.
      .where('hydrated', '=', sql.lit(0))
      // The plus keeps it from looking up each id: most have their data.
      .where(sql`+id`, 'in', oneOfIds(ids))
      .execute()
    return rows.map(({ id }) => idOf(id))
  }

  /** Volumes that are being created from a cut that must not be dropped before. */
  async creatingFromCut(snapshotId: Id): Promise<number> {
    const found = await this.#db
      .selectFrom('volumes')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('state', '=', 'creating')
      .where('source_kind', '=', 'cut')
      .where('source_snapshot_id', '=', snapshotId)
      .executeTakeFirstOrThrow()
    return found.count
  }

  /** Those whose chain of snapshots was not compared with a cut since then, longest ago first. */
  async auditedBefore(ms: number): Promise<readonly VolumeRow[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .selectAll()
      .where((eb) => eb.or([eb('audited_ms', 'is', null), eb('audited_ms', '<', ms)]))
      .where('state', '<>', 'deleting')
      .orderBy('audited_ms')
      .execute()
    return rows.map(rowOf)
  }

  async countByZone(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#db
      .selectFrom('volumes')
      .select(['zone', ({ fn }) => fn.countAll<number>().as('count')])
      .where('state', '<>', 'deleting')
      .groupBy('zone')
      .execute()
    return new Map(rows.map(({ zone, count }) => [zone, count]))
  }

  async page(filter: VolumeFilter, page: PageRequest): Promise<Page<VolumeRow>> {
    return await readPage({
      page,
      count: async () => {
        const found = await this.#db
          .selectFrom('volumes')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where((eb) => matches(eb, filter))
          .executeTakeFirstOrThrow()
        return found.count
      },
      rows: async (before, limit) => {
        const rows = await this.#db
          .selectFrom('volumes')
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

  /** Throws NAME_DUPLICATE when another volume holds the new name. */
  async update(id: Id, change: VolumeChange): Promise<void> {
    await this.#db
      .updateTable('volumes')
      .set({
        ...(change.name === undefined ? {} : { name: change.name }),
        ...(change.userTags === undefined ? {} : { user_tags: JSON.stringify(change.userTags) }),
        ...(change.state === undefined ? {} : { state: change.state }),
        ...(change.bytes === undefined ? {} : { bytes: Number(change.bytes) }),
        ...(change.grantedBytes === undefined
          ? {}
          : { granted_bytes: Number(change.grantedBytes) }),
        ...(change.revision === undefined ? {} : { revision: change.revision }),
        ...(change.source === undefined ? {} : sourceColumns(change.source)),
        ...(change.hydrated === undefined ? {} : { hydrated: Number(change.hydrated) }),
        ...(change.fullSeal === undefined ? {} : { full_seal: Number(change.fullSeal) }),
        ...(change.auditedMs === undefined ? {} : { audited_ms: change.auditedMs }),
      })
      .where('id', '=', id)
      .execute()
  }

  /** The next snapshot of each volume of the node is to be sealed without a base. */
  async sealFully(node: string): Promise<void> {
    await this.#db.updateTable('volumes').set({ full_seal: 1 }).where('node', '=', node).execute()
  }

  /** Some volume of the node is still to be sealed without a base. */
  async owesFullSeal(node: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('volumes')
      .select('id')
      .where('node', '=', node)
      .where('full_seal', '=', 1)
      .limit(1)
      .executeTakeFirst()
    return row !== undefined
  }

  /** The snapshot has a new name, or had its last one: references to it say so. */
  async renameSource(snapshotId: Id, name: string): Promise<void> {
    await this.#db
      .updateTable('volumes')
      .set({ source_snapshot_name: name })
      .where('source_snapshot_id', '=', snapshotId)
      .execute()
  }

  async remove(id: Id): Promise<void> {
    failpoint('volumeRow')
    await this.#db.deleteFrom('volumes').where('id', '=', id).execute()
  }
}

type Where = ExpressionBuilder<Schema, 'volumes'>

function matches(eb: Where, filter: VolumeFilter) {
  const all = []
  if (filter.name !== undefined) all.push(eb('name', '=', filter.name))
  if (filter.zone !== undefined) all.push(eb('zone', '=', filter.zone))
  if (filter.resourceGroup !== undefined) all.push(eb('resource_group', '=', filter.resourceGroup))
  if (filter.sourceSnapshotId !== undefined) {
    all.push(eb('source_snapshot_id', '=', filter.sourceSnapshotId))
  }
  if (filter.userTag !== undefined) {
    all.push(sql<boolean>`${filter.userTag} in (select value from json_each(user_tags))`)
  }
  if (filter.attachmentState !== undefined) {
    const attached = sql<boolean>`id in (select volume_id from attachments)`
    const unusable = eb('state', 'in', ['creating', 'deleting'])
    switch (filter.attachmentState) {
      case 'attached':
        all.push(attached)
        break
      case 'unattached':
        all.push(eb.not(attached), eb.not(unusable))
        break
      case 'unusable':
        all.push(unusable)
        break
    }
  }
  return eb.and(all)
}

function columnsOf(row: New<VolumeRow>): Insertable<VolumeTable> {
  return {
    id: row.id,
    name: row.name,
    zone: row.zone,
    node: row.node,
    state: row.state,
    bytes: Number(row.bytes),
    granted_bytes: Number(row.grantedBytes),
    revision: row.revision,
    ...labelColumns(row.labels),
    ...sourceColumns(row.source),
    hydrated: Number(row.hydrated),
    full_seal: Number(row.fullSeal),
    audited_ms: row.auditedMs ?? null,
    created_ms: row.createdMs,
  }
}

type SourceColumns = Pick<
  VolumeTable,
  'source_kind' | 'source_snapshot_id' | 'source_snapshot_name' | 'pin_id'
>

function sourceColumns(source: VolumeSource): SourceColumns {
  return {
    source_kind: source.kind,
    source_snapshot_id: source.kind === 'empty' ? null : source.snapshotId,
    source_snapshot_name: source.kind === 'empty' ? null : source.snapshotName,
    pin_id: source.kind === 'origin' ? source.pinId : null,
  }
}

function rowOf(row: Selectable<VolumeTable>): VolumeRow {
  const labels: Labels = labelsOf(row)
  return {
    seq: row.seq,
    id: idOf(row.id),
    name: row.name,
    zone: row.zone,
    node: row.node,
    state: oneOf(volumeStates, row.state),
    bytes: bytesOf(row.bytes),
    grantedBytes: bytesOf(row.granted_bytes),
    revision: row.revision,
    labels,
    source: sourceOf(row),
    hydrated: row.hydrated !== 0,
    fullSeal: row.full_seal !== 0,
    auditedMs: row.audited_ms ?? undefined,
    createdMs: row.created_ms,
  }
}

function sourceOf(row: SourceColumns): VolumeSource {
  if (row.source_kind === 'empty') return { kind: 'empty' }
  if (row.source_snapshot_id === null || row.source_snapshot_name === null) {
    throw corrupt('a volume whose source has no id')
  }
  const snapshot = {
    snapshotId: idOf(row.source_snapshot_id),
    snapshotName: row.source_snapshot_name,
  }
  if (row.source_kind === 'cut') return { kind: 'cut', ...snapshot }
  if (row.pin_id === null) throw corrupt('a restored volume without a pin')
  return { kind: 'origin', ...snapshot, pinId: idOf(row.pin_id) }
}
