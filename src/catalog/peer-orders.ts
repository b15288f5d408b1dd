// Rows of what another region has still to be told about our copies: repeated until it answers.

import type { Kysely } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import { idOf, oneOf } from './decode.js'
import type { New, PeerOrderRow } from './rows.js'
import type { Schema } from './schema.js'

export class PeerOrders {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  /** Does nothing when the same order waits already. A release makes a commit pointless. */
  async insert(order: New<PeerOrderRow> & { readonly createdMs: number }): Promise<void> {
    const { peer, kind, target, createdMs } = order
    if (kind === 'releaseCopy') {
      failpoint('peerOrderRow')
      await this.#db.deleteFrom('peer_orders').where('target', '=', target).execute()
    }
    await this.#db
      .insertInto('peer_orders')
      .values({ peer, kind, target, created_ms: createdMs })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }

  /** Oldest first. */
  async ofPeer(peer: string): Promise<readonly PeerOrderRow[]> {
    const rows = await this.#db
      .selectFrom('peer_orders')
      .selectAll()
      .where('peer', '=', peer)
      .orderBy('seq')
      .execute()
    return rows.map((row) => ({
      seq: row.seq,
      peer: row.peer,
      kind: oneOf(['commitCopy', 'releaseCopy'], row.kind),
      target: idOf(row.target),
    }))
  }

  async remove(seq: number): Promise<void> {
    failpoint('peerOrderRow')
    await this.#db.deleteFrom('peer_orders').where('seq', '=', seq).execute()
  }
}
