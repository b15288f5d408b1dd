// Rows of attachments: at most one for a volume.

import { type ExpressionBuilder, type Kysely, type Selectable, sql } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { idOf, oneOf } from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import { type Page, type PageRequest, readPage } from './page.js'
import { type AttachmentRow, type AttachmentState, type New, attachmentStates } from './rows.js'
import type { AttachmentTable, Schema } from './schema.js'

export interface AttachmentFilter {
  readonly volumeId?: Id
  readonly host?: string
  readonly zone?: string
}

export class Attachments {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async insert(row: New<AttachmentRow>): Promise<void> {
    await this.#db
      .insertInto('attachments')
      .values({
        id: row.id,
        volume_id: row.volumeId,
        host: row.host,
        read_only: Number(row.readOnly),
        state: row.state,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async find(id: Id): Promise<AttachmentRow | undefined> {
    return await this.#first('id', id)
  }

  async ofVolume(volumeId: Id): Promise<AttachmentRow | undefined> {
    return await this.#first('volume_id', volumeId)
  }

  async ofVolumes(volumeIds: readonly Id[]): Promise<readonly AttachmentRow[]> {
    const rows = await this.#db
      .selectFrom('attachments')
      .selectAll()
      .where('volume_id', 'in', oneOfIds(volumeIds))
      .execute()
    return rows.map(rowOf)
  }

  async unsettled(): Promise<readonly AttachmentRow[]> {
    const rows = await this.#db
      .selectFrom('attachments')
      .selectAll()
      .where('state', '<>', 'attached')
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  async ofNode(node: string): Promise<readonly AttachmentRow[]> {
    const rows = await this.#db
      .selectFrom('attachments')
      .selectAll()
      .where('volume_id', 'in', (eb) =>
        eb.selectFrom('volumes').select('volumes.id').where('node', '=', node),
      )
      .execute()
    return rows.map(rowOf)
  }

  async page(filter: AttachmentFilter, page: PageRequest): Promise<Page<AttachmentRow>> {
    return await readPage({
      page,
      count: async () => {
        const found = await this.#db
          .selectFrom('attachments')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where((eb) => matches(eb, filter))
          .executeTakeFirstOrThrow()
        return found.count
      },
      rows: async (before, limit) => {
        const rows = await this.#db
          .selectFrom('attachments')
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

  async setState(id: Id, state: AttachmentState): Promise<void> {
    await this.#db.updateTable('attachments').set({ state }).where('id', '=', id).execute()
  }

  async remove(id: Id): Promise<void> {
    failpoint('attachmentRow')
    await this.#db.deleteFrom('attachments').where('id', '=', id).execute()
  }

  async #first(column: 'id' | 'volume_id', id: Id): Promise<AttachmentRow | undefined> {
    const row = await this.#db
      .selectFrom('attachments')
      .selectAll()
      .where(column, '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }
}

function matches(eb: ExpressionBuilder<Schema, 'attachments'>, filter: AttachmentFilter) {
  const all = []
  if (filter.volumeId !== undefined) all.push(eb('volume_id', '=', filter.volumeId))
  if (filter.host !== undefined) all.push(eb('host', '=', filter.host))
  if (filter.zone !== undefined) {
    all.push(sql<boolean>`volume_id in (select id from volumes where zone = ${filter.zone})`)
  }
  return eb.and(all)
}

function rowOf(row: Selectable<AttachmentTable>): AttachmentRow {
  return {
    seq: row.seq,
    id: idOf(row.id),
    volumeId: idOf(row.volume_id),
    host: row.host,
    readOnly: row.read_only !== 0,
    state: oneOf(attachmentStates, row.state),
    createdMs: row.created_ms,
  }
}
