// Fetches what restored volumes and clones have not got yet. For every origin that the records name,
// two lanes pull from the region: `demand` for reads that wait, on a connection of its own, and
// `background` for the rest; a clone that is made from its base has a lane of its own. The map's
// entries are the progress, so a lane that ends or dies is just begun again.

import type { Clock } from '../../base/clock.js'
import { asAshlarError } from '../../base/error.js'
import type { Logger } from '../../base/logger.js'
import type { Binding, ChannelHandle, PoolHandle, PoolRecords } from '../../native/binding.js'
import { Backoff } from '../backoff.js'
import type { Puller } from '../puller.js'

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

/** One pull that the records ask for. */
interface Wanted {
  readonly lane: Lane
  readonly snapshotId: string
  readonly pinId: string
  /** The clone that is made from its base; else a lane of the origin. */
  readonly cloneId?: string
}

interface Running {
  readonly pinId: string
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export class Hydration {
  readonly #options: HydrationOptions
  readonly #running = new Map<string, Running>()
  readonly #troubles = new Map<string, string>()
  #wanted: ReadonlyMap<string, Wanted> = new Map()
  #settling: Promise<void> | undefined
  #stopped = false

  constructor(options: HydrationOptions) {
    this.#options = options
  }

  /** The records have changed: begins the lanes they ask for, ends those they do not. */
  follow(records: PoolRecords): void {
    this.#apply(records)
    if (!this.#stopped && hasIdleOrigin(records)) void this.#settle()
  }

  #apply(records: PoolRecords): void {
    if (this.#stopped) return
    this.#wanted = wantedPulls(records)
    for (const [key, { pinId, stop }] of this.#running) {
      // An origin that went and came again has another pin.
      if (this.#wanted.get(key)?.pinId !== pinId) stop.abort()
    }
    for (const [key, wanted] of this.#wanted) this.#begin(key, wanted)
  }

  /** Why the last attempt to fetch from this origin failed; undefined while it goes well. */
  troubleOf(snapshotId: string): string | undefined {
    return this.#troubles.get(snapshotId)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort()
    await Promise.all(running.map(({ ended }) => ended))
    await this.#settling
  }

  #begin(key: string, wanted: Wanted): void {
    if (this.#running.has(key)) return
    const stop = new AbortController()
    const ended = this.#run(key, wanted, stop.signal).finally(() => {
      this.#running.delete(key)
      if (!this.#isOrigin(wanted.snapshotId)) this.#troubles.delete(wanted.snapshotId)
      // It may have been wanted again while it was ending, and nobody says so twice.
      const again = this.#wanted.get(key)
      if (again !== undefined && !this.#stopped) this.#begin(key, again)
    })
    this.#running.set(key, { pinId: wanted.pinId, stop, ended })
  }

  #isOrigin(snapshotId: string): boolean {
    return [...this.#wanted.values()].some((wanted) => wanted.snapshotId === snapshotId)
  }

  // Ends when nothing more is wanted of the lane. A pull that completes is begun again, after a
  // pause, for as long as the records want it: new volumes of the same origin may have come.
  async #run(key: string, wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const { snapshotId, lane } = wanted
    const backoff = new Backoff(clock, { firstMs: 250, lastMs: 10_000 })
    while (!signal.aborted) {
      try {
        const begun = clock.monotonicMs()
        await this.#pull(wanted, signal)
        this.#troubles.delete(snapshotId)
        if (clock.monotonicMs() - begun > 1000) backoff.reset()
        if (lane === 'background') await this.#settle()
      } catch (thrown) {
        if (signal.aborted) return
        const { message } = asAshlarError(thrown)
        if (this.#troubles.get(snapshotId) !== message) {
          log.warn({ err: thrown, snapshotId, lane }, 'hydration is interrupted and will go on')
        }
        this.#troubles.set(snapshotId, message)
      }
      if (!this.#wanted.has(key)) return
      await backoff.wait(signal).catch(() => undefined)
    }
  }

  async #pull(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const { native, pullers, site } = this.#options
    const { lane, snapshotId, pinId } = wanted
    const channel = await this.#open(wanted)
    const close = () => native.closeChannel(channel)
    signal.addEventListener('abort', close, { once: true })
    try {
      signal.throwIfAborted()
      const open = { snapshotId, site, pinId }
      const outcome = await pullers[lane].pull(async () => channel, open, signal)
      if (outcome.kind === 'refused') throw outcome.error
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async #open({ lane, snapshotId, cloneId }: Wanted): Promise<ChannelHandle> {
    const { native, pool } = this.#options
    if (cloneId !== undefined) return await native.openCloneFill(pool, { cloneId })
    return await native.openHydration(pool, { snapshotId, lane })
  }

  // What is full becomes what it shall be, and the lanes that were for it end. One at a time; a
  // failure is told and the next change tries again.
  async #settle(): Promise<void> {
    const { native, pool, log } = this.#options
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

// A pull for every lane of every origin, and for every clone that is made from its base.
function wantedPulls(records: PoolRecords): ReadonlyMap<string, Wanted> {
  const pins = new Map(records.origins.map(({ snapshotId, pinId }) => [snapshotId, pinId]))
  const filling = remoteSnapshots(records)
  const wanted: Wanted[] = []
  for (const [snapshotId, pinId] of pins) {
    // Without a head that is not full yet, only the sealing of a cut may ask, by demand.
    wanted.push({ lane: 'demand', snapshotId, pinId })
    if (filling.has(snapshotId)) wanted.push({ lane: 'background', snapshotId, pinId })
  }
  for (const { cloneId, originSnapshotId, filling: fromBase } of records.clones) {
    if (!fromBase || originSnapshotId === undefined) continue
    const pinId = pins.get(originSnapshotId)
    if (pinId === undefined) continue
    wanted.push({ lane: 'background', snapshotId: originSnapshotId, pinId, cloneId })
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

const keyOf = ({ lane, snapshotId, cloneId }: Wanted): string =>
  cloneId === undefined ? `${lane} ${snapshotId}` : `clone ${cloneId}`
