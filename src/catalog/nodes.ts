// Rows of nodes: what each said last about how clients reach it.

import type { Kysely } from 'kysely'

import { failpoint } from '../base/failpoint.js'
import type { NodeRow } from './rows.js'
import type { Schema } from './schema.js'

export class Nodes {
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
  }

  async put(row: NodeRow): Promise<void> {
    const columns = {
      zone: row.zone,
      nbd_unix_path: row.nbdUnixPath,
      nbd_tcp_address: row.nbdTcpAddress,
    }
    await this.#db
      .insertInto('nodes')
      .values({ name: row.name, ...columns })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(columns))
      .execute()
  }

  async find(name: string): Promise<NodeRow | undefined> {
    const row = await this.#db
      .selectFrom('nodes')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return {
      name: row.name,
      zone: row.zone,
      nbdUnixPath: row.nbd_unix_path,
      nbdTcpAddress: row.nbd_tcp_address,
    }
  }

  async remove(name: string): Promise<void> {
    failpoint('nodeRow')
    await this.#db.deleteFrom('nodes').where('name', '=', name).execute()
  }

  async all(): Promise<readonly NodeRow[]> {
    const rows = await this.#db.selectFrom('nodes').selectAll().execute()
    return rows.map((row) => ({
      name: row.name,
      zone: row.zone,
      nbdUnixPath: row.nbd_unix_path,
      nbdTcpAddress: row.nbd_tcp_address,
    }))
  }
}
