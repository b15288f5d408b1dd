// Kysely's SQLite with a rollback of ours. When a disk is full or fails, SQLite has rolled back by itself;
// a second rollback fails, and its error would stand in the place of the first one.

import type Database from 'better-sqlite3'
import { type DatabaseConnection, type Driver, SqliteDialect, SqliteDriver } from 'kysely'

import { PreparedOnce } from './prepared-once.js'

export class CatalogDialect extends SqliteDialect {
  readonly #driver: Driver

  constructor(database: Database.Database) {
    const config = { database: new PreparedOnce(database) }
    super(config)
    this.#driver = new CatalogDriver(config, database)
  }

  override createDriver(): Driver {
    return this.#driver
  }
}

class CatalogDriver extends SqliteDriver {
  readonly #database: Database.Database

  constructor(config: ConstructorParameters<typeof SqliteDriver>[0], database: Database.Database) {
    super(config)
    this.#database = database
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection)
  }
}
