// The catalog of one region: every public resource and every job, in one SQLite file that exactly
// one daemon holds. A transaction that has returned is on disk (WAL, synchronous FULL).
//
// One connection, so one transaction at a time: inside `write` use only the tables it hands you;
// waiting there for anything else, or for `read`, would wait for itself.
//
// On a full disk it is read, and takes what gives room back (room.ts).

import { accessSync, constants } from 'node:fs'
import { dirname } from 'node:path'

import Database from 'better-sqlite3'
import { Kysely, sql } from 'kysely'

import { AshlarError, systemCode } from '../base/error.js'
import { failpoint } from '../base/failpoint.js'
import { Attachments } from './attachments.js'
import { Clones } from './clones.js'
import { Copies } from './copies.js'
import { CatalogDialect } from './dialect.js'
import { Meta } from './meta.js'
import { migrate } from './migrations.js'
import { Nodes } from './nodes.js'
import { Orders } from './orders.js'
import { PeerOrders } from './peer-orders.js'
import { Pins } from './pins.js'
import { Pools } from './pools.js'
import { Requests } from './requests.js'
import { roomBytes } from './reserve.js'
import { Room, isNoSpace } from './room.js'
import type { Schema } from './schema.js'
import { Sessions } from './sessions.js'
import { Snapshots } from './snapshots.js'
import { Volumes } from './volumes.js'

export interface CatalogOptions {
  readonly path: string
  /** Undefined: that of the catalog, which has to exist. */
  readonly region: { readonly name: string; readonly number: number } | undefined
  /** Makes the uuid of a catalog that does not exist yet. */
  readonly newUuid: () => string
  /** Room for what gives room back. Default: what the catalog itself needs for that. */
  readonly reserveBytes?: number
}

/** All tables, within a transaction or outside. */
export class Tables {
  readonly volumes: Volumes
  readonly attachments: Attachments
  readonly snapshots: Snapshots
  readonly pins: Pins
  readonly clones: Clones
  readonly copies: Copies
  readonly peerOrders: PeerOrders
  readonly sessions: Sessions
  readonly orders: Orders
  readonly requests: Requests
  readonly nodes: Nodes
  readonly pools: Pools
  readonly meta: Meta
  readonly #db: Kysely<Schema>

  constructor(db: Kysely<Schema>) {
    this.#db = db
    this.volumes = new Volumes(db)
    this.attachments = new Attachments(db)
    this.snapshots = new Snapshots(db)
    this.pins = new Pins(db)
    this.clones = new Clones(db)
    this.copies = new Copies(db)
    this.peerOrders = new PeerOrders(db)
    this.sessions = new Sessions(db)
    this.orders = new Orders(db)
    this.requests = new Requests(db)
    this.nodes = new Nodes(db)
    this.pools = new Pools(db)
    this.meta = new Meta(db)
  }

  /** Names of the nodes that some row needs. What is still owed to a node that is gone does not. */
  async nodesInUse(): Promise<readonly string[]> {
    const rows = await this.#db
      .selectFrom('volumes')
      .select('node')
      .union(
        this.#db
          .selectFrom('snapshots')
          .select('node')
          .where('state', '<>', 'stable')
          .where('node', '<>', ''),
      )
      .execute()
    return rows.map(({ node }) => node)
  }
}

export class Catalog {
  /** The store remembers it, so that a catalog never meets another one's store. */
  readonly uuid: string
  readonly room: Room
  readonly #db: Kysely<Schema>
  readonly #tables: Tables

  private constructor(db: Kysely<Schema>, uuid: string, room: Room) {
    this.#db = db
    this.#tables = new Tables(db)
    this.uuid = uuid
    this.room = room
  }

  /**
   * Opens or creates; one that exists also on a full disk. Throws IN_USE when another daemon has it,
   * FOREIGN_FILE or NEWER_FORMAT when it is not ours to use, CORRUPT when SQLite says so, NO_SPACE.
   */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const room = new Room(options.path, options.reserveBytes ?? roomBytes)
    const db = new Kysely<Schema>({ dialect: new CatalogDialect(openIn(room)) })
    try {
      const uuid = await ownMeta(db, options)
      room.look()
      return new Catalog(db, uuid, room)
    } catch (thrown) {
      await db.destroy()
      throw translated(thrown, room)
    }
  }

  get read(): Tables {
    return this.#tables
  }

  /** Runs `body` in one transaction; what it throws undoes everything. Throws NO_SPACE on a full disk. */
  async write<T>(body: (tables: Tables) => Promise<T>): Promise<T> {
    this.room.require()
    return await this.#transact(body)
  }

  /**
   * As `write`, for what gives room back, or ends what was begun and takes none: it may use the reserve,
   * and runs a second time then.
   */
  async writeWithReserve<T>(body: (tables: Tables) => Promise<T>): Promise<T> {
    return await this.withReserve(async () => await this.#transact(body))
  }

  /** Runs `body`, which gives room back, and once more with what the reserve held when it finds no room. */
  async withReserve<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body()
    } catch (thrown) {
      if (!isNoSpace(thrown)) throw thrown
    }
    this.room.giveUpReserve()
    await this.#reuseLog()
    return await body()
  }

  async close(): Promise<void> {
    await this.#db.destroy()
  }

  async #transact<T>(body: (tables: Tables) => Promise<T>): Promise<T> {
    try {
      return await this.#db.transaction().execute(async (tx) => {
        const answer = await body(new Tables(tx))
        failpoint('catalogCommit')
        return answer
      })
    } catch (thrown) {
      throw translated(thrown, this.room)
    }
  }

  // Once all of the log is in the file, the log begins anew in the room that it has.
  async #reuseLog(): Promise<void> {
    try {
      await sql`PRAGMA wal_checkpoint(RESTART)`.execute(this.#db)
    } catch (thrown) {
      const error = translated(thrown, this.room)
      // What is written next may fit behind it.
      if (!isNoSpace(error)) throw error
    }
  }
}

// A migration may need room.
function openIn(room: Room): Database.Database {
  try {
    return openDatabase(room)
  } catch (thrown) {
    if (!isNoSpace(thrown)) throw thrown
    room.giveUpReserve()
    return openDatabase(room)
  }
}

function openDatabase(room: Room): Database.Database {
  const { path } = room
  let database: Database.Database | undefined
  try {
    // A daemon that was killed a moment ago may still be going away.
    database = new Database(path, { timeout: 2000 })
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // Another disk could be full, and would be taken for this one.
    database.pragma('temp_store = MEMORY')
    // Takes the lock now instead of at the first write.
    database.exec('BEGIN EXCLUSIVE; COMMIT')
    migrate(database, path)
    return database
  } catch (thrown) {
    database?.close()
    throw translated(thrown, room)
  }
}

async function ownMeta(db: Kysely<Schema>, options: CatalogOptions): Promise<string> {
  const found = await db.selectFrom('meta').selectAll().executeTakeFirst()
  if (options.region === undefined) {
    if (found !== undefined) return found.uuid
    throw new AshlarError('NOT_FOUND', `${options.path} is not the catalog of a region yet`)
  }
  const { name, number } = options.region
  if (found === undefined) {
    const uuid = options.newUuid()
    await db
      .insertInto('meta')
      .values({
        id: 1,
        uuid,
        region_name: name,
        region_number: number,
        generation: 0,
        // There may have been another, and nodes that have volumes.
        recovered: 1,
      })
      .execute()
    return uuid
  }
  if (found.region_name === name && found.region_number === number) return found.uuid
  throw new AshlarError(
    'FOREIGN_FILE',
    `${options.path} is the catalog of region ${found.region_name} (number ${found.region_number}), ` +
      `not of ${name} (number ${number})`,
  )
}

function isReadOnly(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return false
  } catch (thrown) {
    return systemCode(thrown) === 'EROFS'
  }
}

// SQLite's codes in ours. A unique index over names is the only constraint a caller can meet.
function translated(thrown: unknown, room: Room): unknown {
  if (!(thrown instanceof Database.SqliteError)) return thrown
  const { path } = room
  const cause = { cause: thrown }
  switch (thrown.code) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new AshlarError('IN_USE', `${path} is open in another process`, cause)
    case 'SQLITE_NOTADB':
      return new AshlarError('FOREIGN_FILE', `${path} is not a catalog of Ashlar`, cause)
    case 'SQLITE_FULL':
      return room.exhausted(thrown)
    case 'SQLITE_CONSTRAINT_UNIQUE':
      return thrown.message.endsWith('.name')
        ? new AshlarError('NAME_DUPLICATE', 'the name is taken', { field: 'name', ...cause })
        : thrown
    default:
      if (thrown.code.startsWith('SQLITE_CORRUPT')) {
        return new AshlarError('CORRUPT', `${path} is damaged: ${thrown.message}`, cause)
      }
      if (/^SQLITE_(CANTOPEN|IOERR|READONLY)/.test(thrown.code)) {
        if (isReadOnly(dirname(path))) {
          return new AshlarError('DEVICE_FAILED', `${path} is on a read-only file system`, cause)
        }
        // A file that cannot be made, a quota, a block that is only looked for by the sync.
        if (room.isDiskFull()) return room.exhausted(thrown)
        return new AshlarError('DEVICE_FAILED', `${path}: ${thrown.message}`, cause)
      }
      return thrown
  }
}
