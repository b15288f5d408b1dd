// Rows of sessions: jobs that write to this region's store now. One ends with its job; those that a
// crash left over belong to jobs that begin again.

import type { Kysely } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { idOf, oneOf } from './decode.js'
import { type SessionRow, sessionKinds } from './rows.js'
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
        kind: row.kind,
        snapshot_id: row.snapshotId,
        base_root_hex: row.base?.rootHex ?? null,
        base_manifest: row.base?.manifest ?? null,
        generation: row.generation,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async endOf(snapshotId: Id): Promise<void> {
    failpoint('sessionEnd')
    await this.#db.deleteFrom('sessions').where('snapshot_id', '=', snapshotId).execute()
  }

  async count(): Promise<number> {
    const found = await this.#db
      .selectFrom('sessions')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return found.count
  }

  async all(): Promise<readonly SessionRow[]> {
    const rows = await this.#db.selectFrom('sessions').selectAll().execute()
    return rows.map((row) => ({
      id: idOf(row.id),
      kind: oneOf(sessionKinds, row.kind),
      snapshotId: idOf(row.snapshot_id),
      base:
        row.base_root_hex === null || row.base_manifest === null
          ? undefined
          : { rootHex: row.base_root_hex, manifest: row.base_manifest },
      generation: row.generation,
      createdMs: row.created_ms,
    }))
  }
}
