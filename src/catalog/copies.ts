// Rows of copies that other regions make or have made of our snapshots. While one is being made it
// has a pin; once it is durable there, the row stands alone and goes when the copy goes.

import type { Kysely, Selectable } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { idOf } from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import type { CopyRow } from './rows.js'
import type { CopyTable, Schema } from './schema.js'

export class Copies {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async insert(row: CopyRow): Promise<void> {
    await this.#db
      .insertInto('copies')
      .values({
        id: row.id,
        snapshot_id: row.snapshotId,
        region: row.region,
        crn: row.crn,
        name: row.name,
        state: row.pinId === undefined ? 'committed' : 'open',
        pin_id: row.pinId ?? null,
        description: row.description,
        contact_ms: row.contactMs,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async find(id: Id): Promise<CopyRow | undefined> {
    const row = await this.#db
      .selectFrom('copies')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  /** Those of any of these snapshots that are durable in their regions, oldest first. */
  async committedOf(snapshotIds: readonly Id[]): Promise<readonly CopyRow[]> {
    const rows = await this.#db
      .selectFrom('copies')
      .selectAll()
      .where('snapshot_id', 'in', oneOfIds(snapshotIds))
      .where('state', '=', 'committed')
      .orderBy('created_ms')
      .execute()
    return rows.map(rowOf)
  }

  /** Copies under way whose regions have not been heard of since then. */
  async silentSince(ms: number): Promise<readonly CopyRow[]> {
    const rows = await this.#db
      .selectFrom('copies')
      .selectAll()
      .where('state', '=', 'open')
      .where('contact_ms', '<', ms)
      .execute()
    return rows.map(rowOf)
  }

  async heard(id: Id, contactMs: number): Promise<void> {
    await this.#db
      .updateTable('copies')
      .set({ contact_ms: contactMs })
      .where('id', '=', id)
      .execute()
  }

  /** It is durable there; the caller removes the pin. */
  async commit(id: Id, name: string): Promise<void> {
    await this.#db
      .updateTable('copies')
      .set({ state: 'committed', pin_id: null, name })
      .where('id', '=', id)
      .execute()
  }

  async remove(id: Id): Promise<void> {
    failpoint('copyRow')
    await this.#db.deleteFrom('copies').where('id', '=', id).execute()
  }

  /** The snapshot goes; what is still being made of it goes on. */
  async removeCommittedOf(snapshotId: Id): Promise<void> {
    failpoint('copyRow')
    await this.#db
      .deleteFrom('copies')
      .where('snapshot_id', '=', snapshotId)
      .where('state', '=', 'committed')
      .execute()
  }
}

function rowOf(row: Selectable<CopyTable>): CopyRow {
  return {
    id: idOf(row.id),
    snapshotId: idOf(row.snapshot_id),
    region: row.region,
    crn: row.crn,
    name: row.name,
    pinId: row.pin_id === null ? undefined : idOf(row.pin_id),
    description: row.description,
    contactMs: row.contact_ms,
    createdMs: row.created_ms,
  }
}
