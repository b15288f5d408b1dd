// A connection that keeps its prepared statements: preparing each anew was a fifth of a region's work.

import type Database from 'better-sqlite3'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** Lists of values of any length make many texts of one query. */
const statementsMax = 500

export class PreparedOnce implements SqliteDatabase {
  readonly #database: Database.Database
  readonly #statements = new Map<string, SqliteStatement>()

  constructor(database: Database.Database) {
    this.#database = database
  }

  prepare(sql: string): SqliteStatement {
    const found = this.#statements.get(sql)
    if (found !== undefined) return found
    if (this.#statements.size === statementsMax) this.#statements.clear()
    const statement: SqliteStatement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}
