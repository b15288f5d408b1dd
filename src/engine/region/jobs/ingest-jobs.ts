// The job of a pending snapshot: pull the cut from its node into the region's store, and commit. Jobs
// of one volume run in the order of their cuts, so that each finds the one before it as its base. A
// job keeps nothing but a session row; whatever is durable already is not asked for again.

import { parseCrn } from '../../../base/crn.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import { failpoint } from '../../../base/failpoint.js'
import type { Id } from '../../../base/ids.js'
import { RateMeter } from '../../../base/rate-meter.js'
import type { Base, Reason, SnapshotRow } from '../../../catalog/rows.js'
import type { Binding, ChannelHandle, IngestResult } from '../../../native/binding.js'
import type { PullOpen, PullOpened, Puller, Receive } from '../../puller.js'
import { Attempts } from '../../retry.js'
import { watched } from '../../watchdog.js'
import type { LazyStore } from '../core/lazy-store.js'
import { nowMs } from '../core/now.js'
import { Lanes } from '../core/semaphore.js'
import { type RegionContext, linkOf } from '../nodes/context.js'
import { sealBase } from './seal-base.js'
import type { Sessions } from './sessions.js'
import { snapshotRecord } from './snapshot-record.js'

export type JobEnd =
  | { readonly kind: 'stable' }
  /** An older cut of the same volume comes first. */
  | { readonly kind: 'queued' }
  /** Not now. */
  | { readonly kind: 'waits'; readonly reason: Reason; readonly error: AshlarError }
  /** Never. */
  | { readonly kind: 'failed'; readonly reason: Reason; readonly error: AshlarError }

export interface JobProgress {
  readonly doneBytes: bigint
  /** Grows while the source lists; 0 until known. */
  readonly totalBytes: bigint
  /** Of 100, rounded down, at most 99; it never goes backwards. */
  readonly percent: number
  /** Over the last few seconds. */
  readonly bytesPerSecond: bigint
}

export interface IngestJobsOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly sessions: Sessions
  /** By the name of the node. */
  readonly pullers: ReadonlyMap<string, Puller>
}

interface Pulled {
  readonly result: IngestResult
  /** 0 when it is not known. */
  readonly logicalBytes: bigint
  /** The list was a difference from the base. */
  readonly incremental: boolean
}

/** Pulls at the same time from one zone; more would only share the same cores and disk. */
const pullsMax = 4
/**
 * A pull that does not move for so long is ended. The next attempt is given twice the time, since a
 * source may have to read much before it has anything to say.
 */
const patienceMs = { first: 60_000, last: 3_600_000 }
const measureEveryMs = 250

interface OpenChannel {
  readonly channel: ChannelHandle
  readonly meter: RateMeter
}

export class IngestJobs {
  readonly #options: IngestJobsOptions
  readonly #lanes = new Lanes(pullsMax)
  readonly #channels = new Map<Id, OpenChannel>()
  readonly #percents = new Map<Id, number>()
  readonly #queued = new Map<Id, Reason>()
  readonly #attempts = new Attempts()
  /** Attempts in a row that stopped moving. */
  readonly #stalls = new Map<Id, number>()

  constructor(options: IngestJobsOptions) {
    this.#options = options
  }

  progress(id: Id): JobProgress {
    const open = this.#channels.get(id)
    const { doneBytes, totalBytes } =
      open === undefined
        ? { doneBytes: 0n, totalBytes: 0n }
        : this.#options.native.channelProgress(open.channel)
    const now = totalBytes === 0n ? 0 : Number((doneBytes * 100n) / totalBytes)
    const percent = Math.max(this.#percents.get(id) ?? 0, Math.min(99, now))
    if (open !== undefined) this.#percents.set(id, percent)
    return { doneBytes, totalBytes, percent, bytesPerSecond: open?.meter.bytesPerSecond ?? 0n }
  }

  /** Why its turn has not come. */
  queuedBehind(id: Id): Reason | undefined {
    return this.#queued.get(id)
  }

  async run(row: SnapshotRow, signal: AbortSignal): Promise<JobEnd> {
    if (await this.#isQueued(row)) return { kind: 'queued' }
    try {
      await this.#lanes.run(row.zone, signal, async () => await this.#take(row, signal))
      return { kind: 'stable' }
    } catch (thrown) {
      signal.throwIfAborted()
      return this.#judge(row, asAshlarError(thrown))
    }
  }

  /** The job is over, however it ended. */
  forget(id: Id): void {
    this.#percents.delete(id)
    this.#queued.delete(id)
    this.#attempts.forget(id)
    this.#stalls.delete(id)
  }

  /** Takes the next generation, then appends the record durably to the store. */
  async recordDelete(row: Buffer): Promise<void> {
    const { catalog } = this.#options.context
    // The record may find no room where the generation did: the store has no reserve of its own.
    await catalog.withReserve(async () => {
      const generation = await catalog.writeWithReserve(
        async (tables) => await tables.meta.nextGeneration(),
      )
      await this.#append('delete', generation, row)
    })
  }

  /** The store's latest record is to say what the row says, unless the snapshot is on its way out. */
  async record(id: Id): Promise<void> {
    const { context } = this.#options
    // In one transaction, so that of two records the later generation has the later row.
    const found = await context.catalog.write(async (tables) => {
      const row = await tables.snapshots.find(id)
      if (row === undefined || !isRecorded(row)) return undefined
      const copies = await tables.copies.committedOf([id])
      return { row, copies, generation: await tables.meta.nextGeneration() }
    })
    if (found === undefined) return
    const row = snapshotRecord(found.row, context.region, found.copies)
    await this.#append('commit', found.generation, row)
  }

  /**
   * Its name, tags or copies have changed. The change stands without the record; a catalog made from
   * records would then have what was before.
   */
  async recordAgain(id: Id): Promise<void> {
    try {
      await this.record(id)
    } catch (thrown) {
      const { log } = this.#options.context
      log.warn({ err: thrown, snapshot: id }, 'a change was not recorded in the store')
    }
  }

  async #append(kind: 'commit' | 'delete', generation: number, row: Buffer): Promise<void> {
    const { native, store } = this.#options
    failpoint('storeRecord')
    await native.storeRecord(await store.get(), { generation: BigInt(generation), kind, row })
  }

  async #isQueued({ id, sourceVolume }: SnapshotRow): Promise<boolean> {
    if (sourceVolume === undefined) return false
    const first = await this.#options.context.catalog.read.snapshots.firstUnderWay(sourceVolume.id)
    const waits = first !== undefined && first.id !== id
    if (waits) {
      const message = `snapshot ${first.name} of the same volume is stored first`
      this.#queued.set(id, { code: 'earlier_snapshot_pending', message })
    } else {
      this.#queued.delete(id)
    }
    return waits
  }

  async #take(row: SnapshotRow, signal: AbortSignal): Promise<void> {
    // All of it was durable before the root was committed; only the record or the row is missing.
    if (row.state === 'committing' && row.manifest !== undefined) return await this.publish(row.id)
    const { context, sessions } = this.#options
    linkOf(context, row.node).requireHere()
    await sessions.run(
      async (tables) => {
        const now = await tables.snapshots.find(row.id)
        if (now?.state !== 'captured') throw gone(row.id)
        return { kind: 'ingest', snapshotId: row.id, base: await sealBase(tables, now) }
      },
      async ({ base }) => await this.publish(row.id, await this.#pullOnto(row, base, signal)),
    )
  }

  async #pullOnto(row: SnapshotRow, base: Base | undefined, signal: AbortSignal): Promise<Pulled> {
    const refusals: AshlarError[] = []
    try {
      return await this.#pull(row, base, { signal, refusals })
    } catch (thrown) {
      signal.throwIfAborted()
      const error = asAshlarError(thrown)
      // What the source refuses does not depend on the base: that is this store's.
      if (base === undefined || refusals.length > 0 || !isUnreadable(error)) throw error
      const { log } = this.#options.context
      log.warn({ err: error, snapshot: row.id, base: base.snapshotId }, 'pulling without the base')
      return await this.#pull(row, undefined, { signal, refusals })
    }
  }

  async #pull(
    row: SnapshotRow,
    base: Base | undefined,
    { signal, refusals }: { readonly signal: AbortSignal; readonly refusals: AshlarError[] },
  ): Promise<Pulled> {
    const { native, pullers, context, store } = this.#options
    const found = pullers.get(row.node)
    if (found === undefined) throw new AshlarError('INTERNAL', `no connection to ${row.node}`)
    const puller: Puller = {
      pull: async (...call) => {
        const outcome = await found.pull(...call)
        if (outcome.kind === 'refused') refusals.push(outcome.error)
        return outcome
      },
    }
    const handle = await store.get()
    let incremental = false
    const receive = async (source: PullOpened) => {
      refuseUnlessFits(row, base, source)
      incremental = source.baseAgreed
      return await native.openIngest(handle, {
        volumeBytes: row.bytes,
        listIsDelta: source.baseAgreed,
        ...(base === undefined ? {} : { baseRootHex: base.rootHex }),
      })
    }
    const baseSnapshot = base === undefined ? {} : { baseSnapshotId: base.snapshotId }
    const open = { snapshotId: row.id, site: context.region.name, ...baseSnapshot }
    const result = await this.ingest(row.id, { puller, open, receive }, signal)
    return { result, incremental, logicalBytes: logicalBytesOf(result, incremental, base) }
  }

  /** Pulls into the channel that `receive` makes, and makes durable what came. */
  async ingest(
    id: Id,
    { puller, open, receive }: { puller: Puller; open: PullOpen; receive: Receive },
    signal: AbortSignal,
  ): Promise<IngestResult> {
    const { native } = this.#options
    let channel: ChannelHandle | undefined
    const close = () => {
      if (channel !== undefined) native.closeChannel(channel)
    }
    const meter = new RateMeter(this.#options.context.clock)
    const measure = () => {
      if (channel !== undefined) meter.note(native.channelProgress(channel).doneBytes)
    }
    const progress = () => {
      if (channel === undefined) return ''
      const { doneBytes, totalBytes } = native.channelProgress(channel)
      return `${doneBytes} of ${totalBytes}`
    }
    const measuring = setInterval(measure, measureEveryMs)
    try {
      signal.throwIfAborted()
      const outcome = await this.#watched(id, progress, signal, async (either) => {
        either.addEventListener('abort', close, { once: true })
        const receiveHere: Receive = async (opened) => {
          channel = await receive(opened)
          this.#channels.set(id, { channel, meter })
          measure()
          if (either.aborted) close()
          return channel
        }
        return await puller.pull(receiveHere, open, either)
      })
      if (outcome.kind === 'refused') throw outcome.error
      if (channel === undefined) throw new AshlarError('PROTOCOL', 'a pull that was never opened')
      return await native.finishIngest(channel)
    } finally {
      clearInterval(measuring)
      this.#channels.delete(id)
      close()
    }
  }

  async #watched<T>(
    id: Id,
    progress: () => string,
    signal: AbortSignal,
    body: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { clock } = this.#options.context
    const stalls = this.#stalls.get(id) ?? 0
    const watch = {
      clock,
      what: `the pull of ${id}`,
      patienceMs: Math.min(patienceMs.first * 2 ** stalls, patienceMs.last),
      progress,
      onStall: () => void this.#stalls.set(id, stalls + 1),
    }
    return await watched(watch, signal, body)
  }

  /**
   * Also of a copy. The order is DESIGN 7's: what the snapshot needs is durable; a generation of its
   * own and the root are committed; the record is in the store; then one transaction makes it visible.
   */
  async publish(id: Id, pulled?: Pulled): Promise<void> {
    const begun = await this.#beginCommit(id, pulled)
    const row = snapshotRecord(begun.row, this.#options.context.region)
    await this.#append('commit', begun.generation, row)
    await this.#makeStable(begun.row, pulled)
  }

  async #beginCommit(
    id: Id,
    pulled: Pulled | undefined,
  ): Promise<{ readonly row: SnapshotRow; readonly generation: number }> {
    return await this.#options.context.catalog.write(async (tables) => {
      const now = await tables.snapshots.find(id)
      if (now?.state !== 'captured' && now?.state !== 'committing') {
        throw gone(id)
      }
      if (pulled !== undefined) {
        const { result, logicalBytes } = pulled
        await tables.snapshots.update(id, {
          state: 'committing',
          rootHex: result.rootHex,
          manifest: result.manifest,
          storedBytes: result.addedBytes,
          logicalBytes,
          transferredBytes: result.receivedBytes,
        })
      }
      const row = (await tables.snapshots.find(id)) ?? now
      return { row, generation: await tables.meta.nextGeneration() }
    })
  }

  async #makeStable(row: SnapshotRow, pulled: Pulled | undefined): Promise<void> {
    const { catalog, clock } = this.#options.context
    const { id: target, node, rootHex = '', sourceVolume, sourceSnapshot } = row
    const createdMs = nowMs(clock)
    await catalog.write(async (tables) => {
      const now = await tables.snapshots.find(target)
      if (now?.state !== 'committing') return
      await tables.snapshots.update(target, { state: 'stable', reason: null })
      await tables.sessions.endOf(target)
      if (sourceSnapshot !== undefined) {
        const peer = parseCrn(sourceSnapshot.crn).location
        await tables.peerOrders.insert({ kind: 'commitCopy', peer, target, createdMs })
        return
      }
      // The node has read all of it, and its root was compared.
      if (pulled?.incremental === false && sourceVolume !== undefined) {
        await tables.volumes.update(sourceVolume.id, { auditedMs: createdMs, fullSeal: false })
      }
      await tables.orders.insert({ kind: 'sealed', node, target, rootHex, createdMs })
    })
  }

  #judge(row: SnapshotRow, error: AshlarError): JobEnd {
    const reason = { code: reasonCode(error), message: error.message }
    // Its data is complete; what is missing is only ours to write.
    if (row.state === 'committing') return { kind: 'waits', reason, error }
    const records = linkOf(this.#options.context, row.node).freshRecords
    if (records !== undefined && !records.cuts.some(({ snapshotId }) => snapshotId === row.id)) {
      const message = `node ${row.node} no longer has the cut`
      return { kind: 'failed', reason: { code: 'cut_lost', message }, error }
    }
    // That it has no such snapshot is believed of its list alone.
    const isLast = error.code !== 'SNAPSHOT_NOT_FOUND' && this.#attempts.isLast(row.id, error)
    return { kind: isLast ? 'failed' : 'waits', reason, error }
  }
}

/** All that the snapshot needs is durable, so that the store may have a commit record of it. */
export function isRecorded({ state, manifest }: SnapshotRow): boolean {
  return (state === 'stable' || state === 'committing') && manifest !== undefined
}

const gone = (id: Id): AshlarError => new AshlarError('CANCELLED', `snapshot ${id} was deleted`)

function logicalBytesOf(
  { logicalBytes }: IngestResult,
  incremental: boolean,
  base: Base | undefined,
): bigint {
  if (!incremental) return logicalBytes
  return base?.logicalBytes === undefined ? 0n : base.logicalBytes + logicalBytes
}

function isUnreadable({ code }: AshlarError): boolean {
  return code === 'FAILED_PRECONDITION' || code === 'CORRUPT' || code === 'NOT_FOUND'
}

function refuseUnlessFits(row: SnapshotRow, base: Base | undefined, opened: PullOpened): void {
  if (opened.volumeBytes !== row.bytes) {
    throw new AshlarError(
      'PROTOCOL',
      `node ${row.node} has ${opened.volumeBytes} bytes for snapshot ${row.id}, not ${row.bytes}`,
    )
  }
  if (opened.baseAgreed && base === undefined) {
    throw new AshlarError('PROTOCOL', `node ${row.node} agreed to a base that was not offered`)
  }
}

// Words of ashlar.v1.Snapshot.lifecycle_reasons.
function reasonCode(error: AshlarError): string {
  switch (error.code) {
    case 'NO_SPACE':
      return 'region_full'
    case 'CORRUPT':
      return 'corrupt'
    case 'FAILED_PRECONDITION':
    case 'SNAPSHOT_PENDING':
      return 'source_volume_hydrating'
    case 'REMOTE_UNAVAILABLE':
    case 'DEADLINE':
    case 'CANCELLED':
    case 'SHUTTING_DOWN':
      return 'zone_unreachable'
    default:
      return 'internal_error'
  }
}
