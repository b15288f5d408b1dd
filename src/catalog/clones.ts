// Rows of fast-restore clones: at most one of a snapshot in a zone, beside those on their way out.
// They outlive their snapshot until their node has dropped them.

import type { Kysely, Selectable } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { idOf, jsonOrNull, oneOf, reasonOf } from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import {
  type ClonePlace,
  type CloneRow,
  type CloneState,
  type New,
  type Reason,
  cloneStates,
} from './rows.js'
import type { CloneTable, Schema } from './schema.js'

export interface CloneChange {
  readonly state?: CloneState
  readonly place?: ClonePlace | null
  readonly reason?: Reason | null
}

export class Clones {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async insert(row: New<CloneRow>): Promise<void> {
    await this.#db
      .insertInto('clones')
      .values({
        id: row.id,
        snapshot_id: row.snapshotId,
        zone: row.zone,
        state: row.state,
        ...placeColumns(row.place),
        reason: jsonOrNull(row.reason),
        created_ms: row.createdMs,
      })
      .execute()
  }

  async find(id: Id): Promise<CloneRow | undefined> {
    const row = await this.#db
      .selectFrom('clones')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** By zone; those on their way out too. */
  async ofSnapshot(snapshotId: Id): Promise<readonly CloneRow[]> {
    return await this.ofSnapshots([snapshotId])
  }

  /** As ofSnapshot(), of all of them. */
  async ofSnapshots(snapshotIds: readonly Id[]): Promise<readonly CloneRow[]> {
    const rows = await this.#db
      .selectFrom('clones')
      .selectAll()
      .where('snapshot_id', 'in', oneOfIds(snapshotIds))
      .orderBy('zone')
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  async ofNode(node: string): Promise<readonly CloneRow[]> {
    const rows = await this.#db.selectFrom('clones').selectAll().where('node', '=', node).execute()
    return rows.map(rowOf)
  }

  async unsettled(): Promise<readonly CloneRow[]> {
    const rows = await this.#db
      .selectFrom('clones')
      .selectAll()
      .where('state', '<>', 'available')
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  async update(id: Id, change: CloneChange): Promise<void> {
    await this.#db
      .updateTable('clones')
      .set({
        ...(change.state === undefined ? {} : { state: change.state }),
        ...(change.place === undefined ? {} : placeColumns(change.place ?? undefined)),
        ...(change.reason === undefined ? {} : { reason: jsonOrNull(change.reason ?? undefined) }),
      })
      .where('id', '=', id)
      .execute()
  }

  /** The snapshot goes, and they go with it. */
  async condemnOf(snapshotId: Id): Promise<void> {
    await this.#db
      .updateTable('clones')
      .set({ state: 'deleting' })
      .where('snapshot_id', '=', snapshotId)
      .execute()
  }

  /** Answers their ids. */
  async removeOfZone(zone: string): Promise<readonly Id[]> {
    failpoint('cloneRow')
    const rows = await this.#db
      .deleteFrom('clones')
      .where('zone', '=', zone)
      .returning('id')
      .execute()
    return rows.map(({ id }) => idOf(id))
  }

  async remove(id: Id): Promise<void> {
    failpoint('cloneRow')
    await this.#db.deleteFrom('clones').where('id', '=', id).execute()
  }
}

function placeColumns(place: ClonePlace | undefined) {
  return {
    node: place?.node ?? null,
    pin_id: place?.pinId ?? null,
  }
}

function rowOf(row: Selectable<CloneTable>): CloneRow {
  return {
    seq: row.seq,
    id: idOf(row.id),
    snapshotId: idOf(row.snapshot_id),
    zone: row.zone,
    state: oneOf(cloneStates, row.state),
    place: placeOf(row),
    reason: reasonOf(row.reason),
    createdMs: row.created_ms,
  }
}

function placeOf({ node, pin_id: pinId }: Selectable<CloneTable>): ClonePlace | undefined {
  return node === null || pinId === null ? undefined : { node, pinId: idOf(pinId) }
}
