// A zone node: the orders a region may give to one pool, and what the pool's records say. It keeps
// no state of its own; after a restart the records are the truth and the region asks again.

import type { Clock } from '../../base/clock.js'
import { CountedCauses } from '../../base/counted-causes.js'
import { failpoint } from '../../base/failpoint.js'
import type { Logger } from '../../base/logger.js'
import { AshlarError } from '../../base/error.js'
import type {
  Binding,
  CutAnswer,
  PoolHandle,
  PoolOrder,
  PoolRecords,
  PoolStats,
} from '../../native/binding.js'
import { KeyedLock } from '../keyed-lock.js'
import {
  type NodeDescription,
  type NodeRecords,
  type OrderAnswer,
  type PoolGrowth,
  type Revision,
  type ZoneControl,
  type ZoneEvent,
  isIrreversible,
  zoneTiming,
} from '../zone-control.js'
import type { Hydration } from './hydration.js'
import { type PoolSetting, growPool } from './pool-size.js'
import { RecordPoller } from './record-poller.js'

export interface ZoneNodeOptions {
  readonly native: Binding
  readonly pool: PoolHandle
  readonly clock: Clock
  readonly log: Logger
  /** Identity and addresses; sizes are asked of the pool. */
  readonly node: Pick<NodeDescription, 'name' | 'zone' | 'region' | 'nbdUnixPath' | 'nbdTcpAddress'>
  readonly newBootId: () => string
  readonly hydration: Hydration
  /** Read anew at each call. Throws FAILED_PRECONDITION when it cannot be. */
  readonly poolSetting: () => PoolSetting
}

export class ZoneNode implements ZoneControl {
  readonly #options: ZoneNodeOptions
  readonly #bootId: string
  readonly #poller: RecordPoller
  // Orders about one id run one after the other, so that a late create finds the tombstone that an
  // earlier delete is still writing.
  readonly #lock = new KeyedLock()
  readonly #stop = new AbortController()
  readonly #reported = new Set<string>()
  readonly #troubles: CountedCauses
  #orders = 0
  #growing: Promise<unknown> = Promise.resolve()

  constructor(options: ZoneNodeOptions) {
    this.#options = options
    this.#bootId = options.newBootId()
    this.#troubles = new CountedCauses(options.clock)
    const { native, pool, clock, hydration } = options
    this.#poller = new RecordPoller({
      read: () => native.records(pool),
      revision: () => this.#orders,
      mark: () => {
        const stats = this.stats()
        this.#reportTroubles(stats)
        return markOf(stats)
      },
      clock,
    })
    this.#poller.onChange((records) => hydration.follow(records))
    this.#poller.onChange(() => this.#reportProblems())
  }

  /** Requires: once. Ensures: hydration that a restart interrupted goes on. */
  start(): void {
    this.#poller.start(this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop.abort(
      new AshlarError('SHUTTING_DOWN', `node ${this.#options.node.name} is stopping`),
    )
    await this.#options.hydration.stop()
    // The pool is not closed under it.
    await this.#growing.catch(() => undefined)
  }

  async order(order: PoolOrder, signal: AbortSignal): Promise<OrderAnswer> {
    this.#stop.signal.throwIfAborted()
    signal.throwIfAborted()
    const { native, pool, log } = this.#options
    if (isIrreversible(order)) failpoint('zoneOrder')
    const answer = await this.#lock.run(idsOf(order), async () => await native.order(pool, order))
    log.debug({ order: order.kind, ids: idsOf(order) }, 'order done')
    this.#orders++
    // Who made a volume is told at once whether it has all of its data.
    if (order.kind === 'createVolume') this.#poller.poll()
    else this.#poller.soon()
    return {
      revision: this.#revision(this.#orders),
      cuts: order.kind === 'cut' ? cutsOf(answer) : [],
    }
  }

  /** A caller that goes away is not told the root; the reading ends by itself. */
  async audit(snapshotId: string, signal: AbortSignal): Promise<string> {
    this.#stop.signal.throwIfAborted()
    const { native, pool } = this.#options
    const { rootHex } = await native.auditCut(pool, { snapshotId })
    signal.throwIfAborted()
    return rootHex
  }

  /** A caller that goes away is not told; the pool grows nevertheless. */
  async growPool(signal: AbortSignal): Promise<PoolGrowth> {
    this.#stop.signal.throwIfAborted()
    signal.throwIfAborted()
    const { native, pool, log, node, poolSetting } = this.#options
    const growing = this.#growing
      .catch(() => undefined)
      .then(async () => await growPool(native, pool, poolSetting()))
    this.#growing = growing
    const growth = await growing
    log.info({ node: node.name, ...growth }, 'the pool was asked to grow')
    this.#poller.poll()
    return growth
  }

  async *watch(region: string, signal: AbortSignal): AsyncGenerator<ZoneEvent, void, undefined> {
    const { node, clock } = this.#options
    if (region !== node.region) {
      throw new AshlarError(
        'PERMISSION_DENIED',
        `node ${node.name} belongs to region ${node.region} and does not obey ${JSON.stringify(region)}`,
        { field: 'region' },
      )
    }
    const ended = AbortSignal.any([signal, this.#stop.signal])
    const feed = this.#poller.feed()
    // What the last look found may be older than an order of a region that has died since.
    this.#poller.poll()
    try {
      let shown = ''
      let toldGeneration = 0n
      const progress = new Map<string, string>()
      while (!ended.aborted) {
        const { revision, records, version } = this.#poller.seen()
        let said = false
        if (version !== shown) {
          shown = version
          said = true
          const node = this.#describe()
          toldGeneration = node.poolGeneration
          yield { kind: 'records', records: nodeRecords(records, this.#revision(revision), node) }
        }
        for (const event of this.#progress(records, progress)) {
          said = true
          yield event
        }
        const poolGeneration = this.stats().checkpointGeneration
        if (!said || poolGeneration !== toldGeneration) {
          toldGeneration = poolGeneration
          yield { kind: 'heartbeat', poolGeneration }
        }
        await feed.next(zoneTiming.heartbeatMs, clock, ended)
      }
    } finally {
      feed.close()
    }
    this.#stop.signal.throwIfAborted()
  }

  stats() {
    return this.#options.native.poolStats(this.#options.pool)
  }

  cutPausesNs(): readonly number[] {
    return this.#options.native.cutPauses(this.#options.pool)
  }

  /** What hosts meet and nobody else would hear of. At each look: the region is told none of it. */
  #reportTroubles({ turnedAway, failures }: PoolStats): void {
    const { log } = this.#options
    const node = this.#options.node.name
    for (const { what, count } of turnedAway) {
      this.#troubles.report(what, count, (times) => log.warn({ node, times }, what))
    }
    for (const { attachmentId, code, message, count } of failures) {
      this.#troubles.report(`${attachmentId} ${code}`, count, (times) =>
        log.error(
          { node, attachmentId, code, times },
          `requests of a host failed, the last of them: ${message}`,
        ),
      )
    }
  }

  #reportProblems(): void {
    for (const problem of this.stats().problems) {
      if (this.#reported.has(problem)) continue
      this.#reported.add(problem)
      this.#options.log.error({ node: this.#options.node.name }, problem)
    }
  }

  #revision(number: number): Revision {
    return { bootId: this.#bootId, number }
  }

  #describe(): NodeDescription {
    const { capacityBytes, freeBytes, readOnly, ...pool } = this.stats()
    return {
      ...this.#options.node,
      capacityBytes,
      freeBytes,
      readOnly,
      poolId: pool.poolId,
      poolGeneration: pool.checkpointGeneration,
      poolOpenedGeneration: pool.openedGeneration,
    }
  }

  *#progress(records: PoolRecords, shown: Map<string, string>): Generator<ZoneEvent, void> {
    for (const volume of records.volumes) {
      if (volume.originSnapshotId === undefined) continue
      const { volumeId, hydratedBytes: doneBytes, hydrationTotalBytes: totalBytes } = volume
      const trouble = this.#options.hydration.troubleOf(volume.originSnapshotId)
      const text = `${doneBytes} ${totalBytes} ${trouble ?? ''}`
      if (shown.get(volumeId) === text) continue
      shown.set(volumeId, text)
      yield { kind: 'hydration', progress: { volumeId, doneBytes, totalBytes, trouble } }
    }
    for (const { cloneId, originSnapshotId, doneBytes, totalBytes } of records.clones) {
      if (originSnapshotId === undefined) continue
      const trouble = this.#options.hydration.troubleOf(originSnapshotId)
      const text = `${doneBytes} ${totalBytes} ${trouble ?? ''}`
      if (shown.get(cloneId) === text) continue
      shown.set(cloneId, text)
      yield { kind: 'clone', progress: { cloneId, doneBytes, totalBytes, trouble } }
    }
  }
}

/**
 * What the region shall hear of beside the records. Free space in steps of 1/256 of the pool: volumes
 * are placed by it, which does not take every block.
 */
function markOf({ readOnly, problems, freeBytes, capacityBytes }: PoolStats): string {
  return `${readOnly} ${problems.length} ${capacityBytes} ${(freeBytes * 256n) / capacityBytes}`
}

function idsOf(order: PoolOrder): readonly string[] {
  switch (order.kind) {
    case 'createVolume':
      // A cut must not go while a volume is made from it.
      return order.cutSnapshotId === undefined
        ? [order.volumeId]
        : [order.volumeId, order.cutSnapshotId]
    case 'growVolume':
    case 'deleteVolume':
      return [order.volumeId]
    case 'attach':
      return [order.attachmentId, order.volumeId]
    case 'detach':
      return [order.attachmentId]
    case 'cut':
      return order.members.map(({ snapshotId }) => snapshotId)
    case 'sealed':
    case 'dropCut':
      return [order.snapshotId]
    case 'createClone':
      // Neither the cut it keeps nor the one it begins from may go meanwhile.
      return [order.cloneId, order.snapshotId, ...optional(order.baseSnapshotId)]
    case 'deleteClone':
      return [order.cloneId]
    case 'forgetTombstone':
      return [order.id]
  }
}

const optional = (id: string | undefined): readonly string[] => (id === undefined ? [] : [id])

// The binding types every other order's answer as nothing.
function cutsOf(answer: unknown): CutAnswer['cuts'] {
  return (answer as CutAnswer).cuts
}

function nodeRecords(records: PoolRecords, revision: Revision, node: NodeDescription): NodeRecords {
  const { volumes, cuts, origins, attachments, tombstones, clones } = records
  return { revision, node, volumes, cuts, origins, attachments, tombstones, clones }
}
