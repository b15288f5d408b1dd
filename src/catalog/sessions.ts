// Rows of sessions: jobs that write to this region's store now. One ends with its job; those that a
// crash left over belong to jobs that begin again.

import type { Kysely } from 'kysely'

import type { Id } from '../base/ids.js'
import { idOf } from './decode.js'
import type { SessionRow } from './rows.js'
import type { Schema } from './schema.js'

export class Sessions {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** One session a snapshot: a new one replaces what an earlier run left. */
  async begin(row: SessionRow): Promise<void> {
    await this.endOf(row.snapshotId)
    await this.#db
      .insertInto('sessions')
      .values({
        id: row.id,
        kind: 'ingest',
        snapshot_id: row.snapshotId,
        generation: row.generation,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async endOf(snapshotId: Id): Promise<void> {
    await this.#db.deleteFrom('sessions').where('snapshot_id', '=', snapshotId).execute()
  }

  async all(): Promise<readonly SessionRow[]> {
    const rows = await this.#db.selectFrom('sessions').selectAll().execute()
    return rows.map((row) => ({
      id: idOf(row.id),
      snapshotId: idOf(row.snapshot_id),
      generation: row.generation,
      createdMs: row.created_ms,
    }))
  }
}
