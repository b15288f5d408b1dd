// Fetches what restored volumes and clones have not got yet. Every origin with a head that is not full,
// and every clone that is made from its base, has a pull in the background; they are queued, a few at a
// time for a node. Readers who wait have lanes of their own (demand-lanes.ts), on a connection of their
// own. The map's entries are the progress, so a pull that ends or dies is just begun again.

import type { Clock } from '../../base/clock.js'
import { asAshlarError } from '../../base/error.js'
import { failpoint } from '../../base/failpoint.js'
import { limits } from '../../base/limits.js'
import type { Logger } from '../../base/logger.js'
import type { Binding, ChannelHandle, PoolHandle, PoolRecords } from '../../native/binding.js'
import { Backoff } from '../backoff.js'
import type { Puller } from '../puller.js'
import { DemandLanes } from './demand-lanes.js'
import { Slots } from './slots.js'

/** Of connections: reads that wait must not queue behind the rest. */
export type Lane = 'demand' | 'background'

export interface HydrationOptions {
  readonly native: Binding
  readonly pool: PoolHandle
  readonly clock: Clock
  readonly log: Logger
  /** The name under which pins are held. */
  readonly site: string
  /** One connection to the region for each lane. */
  readonly pullers: Readonly<Record<Lane, Puller>>
}

/** A pull in the background that the records ask for. */
interface Wanted {
  readonly snapshotId: string
  readonly pinId: string
  /** The clone that is made from its base; else all heads of the origin. */
  readonly cloneId?: string
}

interface Pull {
  readonly lane: Lane
  readonly snapshotId: string
  readonly pinId: string
  readonly open: () => Promise<ChannelHandle>
}

interface Running {
  readonly pinId: string
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export class Hydration {
  readonly #options: HydrationOptions
  readonly #demand: DemandLanes
  readonly #slots = new Slots(limits.backgroundLanesMax)
  readonly #running = new Map<string, Running>()
  readonly #troubles = new Map<string, string>()
  #pins: ReadonlyMap<string, string> = new Map()
  #wanted: ReadonlyMap<string, Wanted> = new Map()
  #settling: Promise<void> | undefined
  #begun = false
  #stopped = false

  constructor(options: HydrationOptions) {
    this.#options = options
    const { native, pool, clock } = options
    this.#demand = new DemandLanes({
      clock,
      takeDemand: async () => await native.takeDemand(pool),
      pinOf: (snapshotId) => this.#pinOf(snapshotId),
      pull: async ({ snapshotId, pinId, restMs, onOpen }, signal) => {
        const open = async () => {
          const channel = await native.openHydration(pool, { snapshotId, lane: 'demand', restMs })
          onOpen(channel)
          return channel
        }
        await this.#pull({ lane: 'demand', snapshotId, pinId, open }, signal)
      },
      yieldChannel: async (channel) => await native.yieldChannel(channel),
    })
  }

  /** The records have changed: begins the pulls they ask for, ends those they do not. */
  follow(records: PoolRecords): void {
    this.#listen()
    this.#apply(records)
    if (!this.#stopped && hasIdleOrigin(records)) void this.#settle()
  }

  #listen(): void {
    if (this.#begun || this.#stopped) return
    this.#begun = true
    this.#demand.listen().catch((thrown: unknown) => {
      // That the pool closes is how it ends.
      if (!this.#stopped) this.#options.log.error({ err: thrown }, 'readers cannot be heard')
    })
  }

  #apply(records: PoolRecords): void {
    if (this.#stopped) return
    this.#pins = new Map(records.origins.map(({ snapshotId, pinId }) => [snapshotId, pinId]))
    this.#demand.follow(this.#pins)
    this.#wanted = wantedPulls(records, this.#pins)
    for (const [key, { pinId, stop }] of this.#running) {
      // An origin that went and came again has another pin.
      if (this.#wanted.get(key)?.pinId !== pinId) stop.abort()
    }
    for (const [key, wanted] of this.#wanted) this.#begin(key, wanted)
    for (const snapshotId of this.#troubles.keys()) {
      if (!this.#pins.has(snapshotId)) this.#troubles.delete(snapshotId)
    }
  }

  /** Why the last attempt to fetch from this origin failed; undefined while it goes well. */
  troubleOf(snapshotId: string): string | undefined {
    return this.#troubles.get(snapshotId)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort()
    await Promise.all([this.#demand.stop(), ...running.map(({ ended }) => ended)])
    await this.#settling
  }

  // A reader may be quicker than those who read the records.
  #pinOf(snapshotId: string): string | undefined {
    if (!this.#pins.has(snapshotId)) this.#apply(this.#options.native.records(this.#options.pool))
    return this.#pins.get(snapshotId)
  }

  #begin(key: string, wanted: Wanted): void {
    if (this.#running.has(key)) return
    const stop = new AbortController()
    const ended = this.#run(key, wanted, stop.signal).finally(() => {
      this.#running.delete(key)
      // It may have been wanted again while it was ending, and nobody says so twice.
      const again = this.#wanted.get(key)
      if (again !== undefined && !this.#stopped) this.#begin(key, again)
    })
    this.#running.set(key, { pinId: wanted.pinId, stop, ended })
  }

  // Ends when it is no longer wanted. A pull that completes is begun again, after a pause, for as
  // long as the records want it: new volumes of the same origin may have come.
  async #run(key: string, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const backoff = new Backoff(clock, { firstMs: 250, lastMs: 10_000 })
    while (!signal.aborted) {
      try {
        await this.#slots.take(signal)
        const begun = clock.monotonicMs()
        try {
          await this.#pull(
            { lane: 'background', ...wanted, open: () => this.#open(wanted) },
            signal,
          )
        } finally {
          this.#slots.giveBack()
        }
        if (clock.monotonicMs() - begun > 1000) backoff.reset()
        await this.#settle()
      } catch {
        if (signal.aborted) return
      }
      if (!this.#wanted.has(key)) return
      await backoff.wait(signal).catch(() => undefined)
    }
  }

  async #pull({ lane, snapshotId, pinId, open }: Pull, signal: AbortSignal): Promise<void> {
    const { native, pullers, site, log } = this.#options
    try {
      const channel = await open()
      const close = () => native.closeChannel(channel)
      signal.addEventListener('abort', close, { once: true })
      try {
        signal.throwIfAborted()
        const asked = { snapshotId, site, pinId }
        const outcome = await pullers[lane].pull(async () => channel, asked, signal)
        if (outcome.kind === 'refused') throw outcome.error
      } finally {
        signal.removeEventListener('abort', close)
        close()
      }
      this.#troubles.delete(snapshotId)
    } catch (thrown) {
      if (signal.aborted) throw thrown
      const { message } = asAshlarError(thrown)
      if (this.#troubles.get(snapshotId) !== message) {
        log.warn({ err: thrown, snapshotId, lane }, 'hydration is interrupted and will go on')
      }
      this.#troubles.set(snapshotId, message)
      throw thrown
    }
  }

  async #open({ snapshotId, cloneId }: Wanted): Promise<ChannelHandle> {
    const { native, pool } = this.#options
    if (cloneId !== undefined) return await native.openCloneFill(pool, { cloneId })
    return await native.openHydration(pool, { snapshotId, lane: 'background' })
  }

  // What is full becomes what it shall be, and the lanes that were for it end. One at a time; a
  // failure is told and the next change tries again.
  async #settle(): Promise<void> {
    const { native, pool, log } = this.#options
    failpoint('zoneSettle')
    this.#settling ??= native
      .settle(pool)
      .then(() => {
        if (!this.#stopped) this.#apply(native.records(pool))
      })
      .catch((thrown: unknown) => {
        if (!this.#stopped) log.warn({ err: thrown }, 'what is full could not be settled')
      })
      .finally(() => {
        this.#settling = undefined
      })
    await this.#settling
  }
}

// A pull for every origin with a head that is not full, and for every clone that is made from its base.
function wantedPulls(
  records: PoolRecords,
  pins: ReadonlyMap<string, string>,
): ReadonlyMap<string, Wanted> {
  const filling = remoteSnapshots(records)
  const wanted: Wanted[] = []
  for (const [snapshotId, pinId] of pins) {
    // Without one, only the sealing of a cut may ask, by demand.
    if (filling.has(snapshotId)) wanted.push({ snapshotId, pinId })
  }
  for (const { cloneId, originSnapshotId, filling: fromBase } of records.clones) {
    if (!fromBase || originSnapshotId === undefined) continue
    const pinId = pins.get(originSnapshotId)
    if (pinId === undefined) continue
    wanted.push({ snapshotId: originSnapshotId, pinId, cloneId })
  }
  return new Map(wanted.map((each) => [keyOf(each), each]))
}

/** Snapshots of which some head, hidden or not, has not got everything. */
function remoteSnapshots({ volumes, clones }: PoolRecords): ReadonlySet<string> {
  return new Set([
    ...volumes.flatMap(({ originSnapshotId, hydrated }) =>
      originSnapshotId === undefined || hydrated ? [] : [originSnapshotId],
    ),
    ...clones.flatMap(({ originSnapshotId, filling, hydrated }) =>
      originSnapshotId === undefined || filling || hydrated ? [] : [originSnapshotId],
    ),
  ])
}

/** Nothing that is being made refers to it: it may be settled, unless a cut does. */
function hasIdleOrigin(records: PoolRecords): boolean {
  const busy = remoteSnapshots(records)
  const filled = new Set(
    records.clones.flatMap(({ originSnapshotId, filling }) =>
      originSnapshotId !== undefined && filling ? [originSnapshotId] : [],
    ),
  )
  return records.origins.some(({ snapshotId }) => !busy.has(snapshotId) && !filled.has(snapshotId))
}

const keyOf = ({ snapshotId, cloneId }: Wanted): string =>
  cloneId === undefined ? snapshotId : `clone ${cloneId}`
