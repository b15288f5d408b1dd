// Rows of pools: which one each node showed last, and how far it was. They tell a pool that went back
// in time, or that two nodes show, whatever was restarted in between.

import type { Kysely, Selectable } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import { jsonOrNull, reasonOf } from './decode.js'
import type { PoolRow, Reason } from './rows.js'
import type { PoolTable, Schema } from './schema.js'

export class Pools {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async all(): Promise<readonly PoolRow[]> {
    const rows = await this.#db.selectFrom('pools').selectAll().orderBy('node').execute()
    return rows.map(rowOf)
  }

  async put(row: PoolRow): Promise<void> {
    const columns = {
      pool_id: row.poolId,
      generation: Number(row.generation),
      boot_id: row.bootId,
      reason: jsonOrNull(row.reason),
    }
    await this.#db
      .insertInto('pools')
      .values({ node: row.node, ...columns })
      .onConflict((conflict) => conflict.column('node').doUpdateSet(columns))
      .execute()
  }

  async setReason(node: string, reason: Reason | undefined): Promise<void> {
    await this.#db
      .updateTable('pools')
      .set({ reason: jsonOrNull(reason) })
      .where('node', '=', node)
      .execute()
  }

  async remove(node: string): Promise<void> {
    failpoint('nodeRow')
    await this.#db.deleteFrom('pools').where('node', '=', node).execute()
  }
}

function rowOf(row: Selectable<PoolTable>): PoolRow {
  return {
    node: row.node,
    poolId: row.pool_id,
    generation: BigInt(row.generation),
    bootId: row.boot_id,
    reason: reasonOf(row.reason),
  }
}
