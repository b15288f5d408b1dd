// Rows of orders that outlive the object they are about: repeated until the node acknowledges them.

import type { Kysely, Selectable } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { Id } from '../base/ids.js'
import { corrupt, idOf } from './decode.js'
import type { OrderRow } from './rows.js'
import type { OrderTable, Schema } from './schema.js'

export type NewOrder = {
  readonly node: string
  readonly target: Id
  readonly createdMs: number
} & ({ readonly kind: 'sealed'; readonly rootHex: string } | { readonly kind: 'dropCut' })

export class Orders {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Does nothing when the same order waits already. */
  async insert(order: NewOrder): Promise<void> {
    await this.#db
      .insertInto('orders')
      .values({
        node: order.node,
        kind: order.kind,
        target: order.target,
        root_hex: order.kind === 'sealed' ? order.rootHex : null,
        created_ms: order.createdMs,
      })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  /** Oldest first. */
  async ofNode(node: string): Promise<readonly OrderRow[]> {
    const rows = await this.#db
      .selectFrom('orders')
      .selectAll()
      .where('node', '=', node)
      .orderBy('seq')
      .execute()
    return rows.map(rowOf)
  }

  async targets(node: string): Promise<ReadonlySet<string>> {
    const rows = await this.#db
      .selectFrom('orders')
      .select('target')
      .where('node', '=', node)
      .execute()
    return new Set(rows.map(({ target }) => target))
  }

  async remove(seq: number): Promise<void> {
    failpoint('orderRow')
    await this.#db.deleteFrom('orders').where('seq', '=', seq).execute()
  }

  async removeOfNode(node: string): Promise<void> {
    failpoint('orderRow')
    await this.#db.deleteFrom('orders').where('node', '=', node).execute()
  }

  /** A cut that is to be dropped needs no word about its seal. */
  async removeSealed(node: string, target: Id): Promise<void> {
    failpoint('orderRow')
    await this.#db
      .deleteFrom('orders')
      .where('node', '=', node)
      .where('kind', '=', 'sealed')
      .where('target', '=', target)
      .execute()
  }
}

function rowOf(row: Selectable<OrderTable>): OrderRow {
  const common = {
    seq: row.seq,
    node: row.node,
    target: idOf(row.target),
    createdMs: row.created_ms,
  }
  if (row.kind === 'dropCut') return { ...common, kind: 'dropCut' }
  if (row.kind === 'sealed' && row.root_hex !== null) {
    return { ...common, kind: 'sealed', rootHex: row.root_hex }
  }
  throw corrupt(`an order of kind ${row.kind} for ${row.target}`)
}
