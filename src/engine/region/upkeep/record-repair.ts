// Writes records of the store anew that cannot be read any more (DESIGN 7, "The catalog is not the only
// root"): this catalog knows what they said. Then later records stand for them, and a catalog made from
// the records is right without them.

import { asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Binding, StoreRecord } from '../../../native/binding.js'
import type { LazyStore } from '../core/lazy-store.js'
import { type IngestJobs, isRecorded } from '../jobs/ingest-jobs.js'
import { readSnapshotRecord, snapshotRecord } from '../jobs/snapshot-record.js'
import type { RegionContext } from '../nodes/context.js'
import type { Recovery } from './recovery.js'

export interface RecordRepairOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly recovery: Recovery
  readonly jobs: IngestJobs
}

const toldMax = 5

export class RecordRepair {
  readonly #options: RecordRepairOptions
  #running: Promise<readonly bigint[] | undefined> | undefined

  constructor(options: RecordRepairOptions) {
    this.#options = options
  }

  /**
   * Answers the generations of records that cannot be read and that later ones now stand for; undefined
   * while the catalog does not know all that the records said. Throws, and logs, when a record cannot be
   * written.
   */
  async mend(): Promise<readonly bigint[] | undefined> {
    this.#running ??= this.#mend().finally(() => (this.#running = undefined))
    return await this.#running
  }

  async #mend(): Promise<readonly bigint[] | undefined> {
    const { context, store, recovery } = this.#options
    if (!store.isPresent) return []
    if (recovery.state !== 'whole') return undefined
    try {
      return await this.#supersede()
    } catch (thrown) {
      const err = asAshlarError(thrown)
      if (err.code !== 'SHUTTING_DOWN') {
        context.log.error({ err }, 'damaged records of the store could not be written anew')
      }
      throw err
    }
  }

  // The records are read first: what is recorded from then on is none of the damaged.
  async #supersede(): Promise<readonly bigint[]> {
    const { context, native, store } = this.#options
    const { snapshots } = context.catalog.read
    const handle = await store.get()
    if ((await native.storeDamagedRecords(handle)).length === 0) return []
    const { records, damaged } = await native.storeRecords(handle)
    const latest = new Map(records.map((record) => [readSnapshotRecord(record.row).row.id, record]))
    const known = [...(await snapshots.allStable()), ...(await snapshots.unsettled())]
    let written = 0
    for (const id of new Set([...latest.keys(), ...known.map(({ id }) => id)])) {
      if (await this.#recordIfMissing(id, latest.get(id))) written++
    }
    const told = damaged.slice(0, toldMax).map(({ message }) => message)
    context.log.warn(
      { damaged: damaged.length, written, told },
      'records of the store are damaged: what they said is recorded anew',
    )
    return damaged.flatMap(({ generation }) => (generation === undefined ? [] : [generation]))
  }

  // A record too many does no harm.
  async #recordIfMissing(id: Id, latest: StoreRecord | undefined): Promise<boolean> {
    const { context, jobs } = this.#options
    const { snapshots, copies } = context.catalog.read
    const row = await snapshots.find(id)
    if (row !== undefined && isRecorded(row)) {
      const now = snapshotRecord(row, context.region, await copies.committedOf([id]))
      if (latest?.kind === 'commit' && latest.row.equals(now)) return false
      await jobs.record(id)
      return true
    }
    const isGone = row === undefined || row.state === 'deleting'
    if (latest?.kind !== 'commit' || !isGone) return false
    await jobs.recordDelete(latest.row)
    return true
  }
}
