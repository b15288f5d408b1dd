// The job of a pending snapshot: pull the cut from its node into the region's store, and commit. It
// keeps nothing but a session row; whatever is durable already is not asked for again.

import { parseCrn } from '../../base/crn.js'
import { AshlarError, asAshlarError } from '../../base/error.js'
import type { Id } from '../../base/ids.js'
import type { Reason, SnapshotRow } from '../../catalog/rows.js'
import type { Binding, ChannelHandle, IngestResult } from '../../native/binding.js'
import type { PullOpen, Puller, Receive } from '../puller.js'
import { type RegionContext, linkOf } from './context.js'
import type { LazyStore } from './lazy-store.js'
import { nowMs } from './now.js'
import { Semaphore } from './semaphore.js'
import { snapshotRecord } from './snapshot-record.js'

export type JobEnd =
  | { readonly kind: 'stable' }
  /** Not now. */
  | { readonly kind: 'waits'; readonly reason: Reason; readonly error: AshlarError }
  /** Never. */
  | { readonly kind: 'failed'; readonly reason: Reason; readonly error: AshlarError }

export interface IngestJobsOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  /** By the name of the node. */
  readonly pullers: ReadonlyMap<string, Puller>
}

/** Pulls at the same time; more would only share the same cores and disk. */
const pullsMax = 4
/** One wrong chunk may be the wire's or the memory's fault; a cut that stays wrong has failed. */
const corruptAttemptsMax = 3

export class IngestJobs {
  readonly #options: IngestJobsOptions
  readonly #slots = new Semaphore(pullsMax)
  readonly #channels = new Map<Id, ChannelHandle>()
  readonly #corruptAttempts = new Map<Id, number>()

  constructor(options: IngestJobsOptions) {
    this.#options = options
  }

  progress(id: Id): { doneBytes: bigint; totalBytes: bigint } | undefined {
    const channel = this.#channels.get(id)
    return channel === undefined ? undefined : this.#options.native.channelProgress(channel)
  }

  async run(row: SnapshotRow, signal: AbortSignal): Promise<JobEnd> {
    try {
      await this.#slots.run(signal, async () => await this.#ingest(row, signal))
      this.#corruptAttempts.delete(row.id)
      return { kind: 'stable' }
    } catch (thrown) {
      signal.throwIfAborted()
      return this.#judge(row, asAshlarError(thrown))
    }
  }

  /** Takes the next generation, then appends the record durably to the store. */
  async record(kind: 'commit' | 'delete', row: Buffer): Promise<void> {
    const { context, native, store } = this.#options
    const generation = await context.catalog.write(async (tables) => await tables.nextGeneration())
    await native.storeRecord(await store.get(), { generation: BigInt(generation), kind, row })
  }

  /** Pulls into a channel that `receive` makes, and makes what came durable. */
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
    signal.addEventListener('abort', close, { once: true })
    try {
      signal.throwIfAborted()
      const outcome = await puller.pull(
        async (opened) => {
          channel = await receive(opened)
          this.#channels.set(id, channel)
          if (signal.aborted) close()
          return channel
        },
        open,
        signal,
      )
      if (outcome.kind === 'refused') throw outcome.error
      if (channel === undefined) throw new AshlarError('PROTOCOL', 'a pull that was never opened')
      return await native.finishIngest(channel)
    } finally {
      this.#channels.delete(id)
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async #ingest(row: SnapshotRow, signal: AbortSignal): Promise<void> {
    const { native, store, pullers, context } = this.#options
    linkOf(context, row.node).requireHere()
    const puller = pullers.get(row.node)
    if (puller === undefined) throw new AshlarError('INTERNAL', `no connection to ${row.node}`)
    await this.beginSession(row.id)
    const handle = await store.get()
    const receive = async () =>
      await native.openIngest(handle, { volumeBytes: row.bytes, listIsDelta: false })
    const open = { snapshotId: row.id, site: context.region.name }
    await this.publish(row, await this.ingest(row.id, { puller, open, receive }, signal))
  }

  async beginSession(snapshotId: Id): Promise<void> {
    const { catalog, clock, newId } = this.#options.context
    await catalog.write(async (tables) => {
      const generation = await tables.generation()
      const createdMs = nowMs(clock)
      await tables.sessions.begin({ id: newId(), snapshotId, generation, createdMs })
    })
  }

  // Also for copies. The order is DESIGN 7's: what the snapshot needs is durable; a generation of its own and the
  // root are committed; the record is in the store; then one transaction makes it visible.
  async publish(row: SnapshotRow, result: IngestResult): Promise<void> {
    const { native, store, context } = this.#options
    const { catalog } = context
    const { rootHex, manifest, addedBytes: storedBytes } = result
    const begun = await catalog.write(async (tables) => {
      const now = await tables.snapshots.find(row.id)
      if (now === undefined || now.state === 'deleting') return undefined
      await tables.snapshots.update(row.id, { state: 'committing', rootHex })
      return { now, generation: await tables.nextGeneration() }
    })
    if (begun === undefined) throw new AshlarError('CANCELLED', `snapshot ${row.id} was deleted`)
    const stable = { ...begun.now, rootHex, manifest, storedBytes }
    await native.storeRecord(await store.get(), {
      generation: BigInt(begun.generation),
      kind: 'commit',
      row: snapshotRecord(stable),
    })
    await catalog.write(async (tables) => {
      const now = await tables.snapshots.find(row.id)
      if (now?.state !== 'committing') return
      await tables.snapshots.update(row.id, {
        state: 'stable',
        manifest,
        storedBytes,
        reason: null,
      })
      await tables.sessions.endOf(row.id)
      const { node, id: target, sourceSnapshot } = row
      const createdMs = nowMs(context.clock)
      if (sourceSnapshot === undefined) {
        await tables.orders.insert({ kind: 'sealed', node, target, rootHex, createdMs })
      } else {
        const peer = parseCrn(sourceSnapshot.crn).location
        await tables.peerOrders.insert({ kind: 'commitCopy', peer, target, createdMs })
      }
    })
  }

  #judge(row: SnapshotRow, error: AshlarError): JobEnd {
    const reason = { code: reasonCode(error), message: error.message }
    if (error.code === 'CORRUPT') {
      const attempts = (this.#corruptAttempts.get(row.id) ?? 0) + 1
      this.#corruptAttempts.set(row.id, attempts)
      if (attempts >= corruptAttemptsMax) {
        this.#corruptAttempts.delete(row.id)
        return { kind: 'failed', reason, error }
      }
    }
    const records = linkOf(this.#options.context, row.node).freshRecords
    if (records !== undefined && !records.cuts.some(({ snapshotId }) => snapshotId === row.id)) {
      const message = `node ${row.node} no longer has the cut`
      return { kind: 'failed', reason: { code: 'cut_lost', message }, error }
    }
    return { kind: 'waits', reason, error }
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
