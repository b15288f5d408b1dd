// Rows of request ids: written in the transaction of the effect, answered when the first answer is
// known, forgotten after a day.

import type { Kysely } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { idOf } from './decode.js'
import type { RequestRow } from './rows.js'
import type { Schema } from './schema.js'

export class Requests {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async insert(row: RequestRow): Promise<void> {
    await this.#db
      .insertInto('requests')
      .values({
        request_id: row.requestId,
        method: row.method,
        fingerprint: row.fingerprint,
        resource_id: row.resourceId,
        answer: row.answer ?? null,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async find(requestId: string): Promise<RequestRow | undefined> {
    const row = await this.#db
      .selectFrom('requests')
      .selectAll()
      .where('request_id', '=', requestId)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return {
      requestId: row.request_id,
      method: row.method,
      fingerprint: row.fingerprint,
      resourceId: idOf(row.resource_id),
      answer: row.answer ?? undefined,
      createdMs: row.created_ms,
    }
  }

  async answer(requestId: string, answer: string): Promise<void> {
    await this.#db
      .updateTable('requests')
      .set({ answer })
      .where('request_id', '=', requestId)
      .where('answer', 'is', null)
      .execute()
  }

  /** The effect was undone: repeating the request begins again. */
  async removeOf(resourceId: Id): Promise<void> {
    failpoint('requestRow')
    await this.#db.deleteFrom('requests').where('resource_id', '=', resourceId).execute()
  }

  async remove(requestId: string): Promise<void> {
    failpoint('requestRow')
    await this.#db.deleteFrom('requests').where('request_id', '=', requestId).execute()
  }

  async removeOlderThan(createdMs: number): Promise<void> {
    failpoint('requestRow')
    await this.#db.deleteFrom('requests').where('created_ms', '<', createdMs).execute()
  }
}
