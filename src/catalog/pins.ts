// Rows of pins: what the store must keep for a node or another region. Written before the work is
// ordered. A node's goes when its own list no longer has the origin, a region's when it says so.

import type { Kysely, Selectable } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import { type Id, isId } from '../base/ids.js'
import { idOf, oneOf } from './decode.js'
import { oneOfIds } from './one-of-ids.js'
import { type PinRow, pinPurposes } from './rows.js'
import type { PinTable, Schema } from './schema.js'

export class Pins {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async insert(row: PinRow): Promise<void> {
    await this.#db
      .insertInto('pins')
      .values({
        id: row.id,
        root_hex: row.rootHex,
        snapshot_id: row.snapshotId,
        manifest: row.manifest,
        holder: row.holder,
        purpose: row.purpose,
        object_id: row.objectId,
        state: row.state,
        created_ms: row.createdMs,
      })
      .execute()
  }

  async find(id: Id): Promise<PinRow | undefined> {
    const row = await this.#db
      .selectFrom('pins')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : rowOf(row)
  }

  async all(): Promise<readonly PinRow[]> {
    return (await this.#db.selectFrom('pins').selectAll().execute()).map(rowOf)
  }

  async count(): Promise<number> {
    const found = await this.#db
      .selectFrom('pins')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    return found.count
  }

  /** Those of a node. Answers how many there were. */
  async removeOfNode(node: string): Promise<number> {
    failpoint('pinDrop')
    const { numDeletedRows } = await this.#db
      .deleteFrom('pins')
      .where('holder', '=', node)
      .where('purpose', '<>', 'copy')
      .executeTakeFirst()
    return Number(numDeletedRows)
  }

  /** By an id that a node names. */
  async holding(id: string): Promise<PinRow | undefined> {
    return isId(id) ? await this.find(id) : undefined
  }

  /** Those of a node that it has taken over, without those it names. */
  async heldBy(node: string, named: readonly string[] = []): Promise<readonly PinRow[]> {
    const rows = await this.#db
      .selectFrom('pins')
      .selectAll()
      .where('holder', '=', node)
      .where('purpose', '<>', 'copy')
      .where('state', '=', 'held')
      .where('id', 'not in', oneOfIds(named))
      .execute()
    return rows.map(rowOf)
  }

  async hold(id: Id): Promise<void> {
    await this.#db.updateTable('pins').set({ state: 'held' }).where('id', '=', id).execute()
  }

  async remove(id: Id): Promise<void> {
    failpoint('pinDrop')
    await this.#db.deleteFrom('pins').where('id', '=', id).execute()
  }
}

function rowOf(row: Selectable<PinTable>): PinRow {
  return {
    id: idOf(row.id),
    rootHex: row.root_hex,
    snapshotId: idOf(row.snapshot_id),
    manifest: row.manifest,
    holder: row.holder,
    purpose: oneOf(pinPurposes, row.purpose),
    objectId: idOf(row.object_id),
    state: oneOf(['claimed', 'held'], row.state),
    createdMs: row.created_ms,
  }
}
