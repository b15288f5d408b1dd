// Fetches what restored volumes have not got yet. For every origin that the records name, two lanes
// pull from the region: `demand` for reads that wait, on a connection of its own, and `background`
// for the rest. The map's entries are the progress, so a lane that ends or dies is just begun again.

import type { Clock } from '../../base/clock.js'
import { asAshlarError } from '../../base/error.js'
import type { Logger } from '../../base/logger.js'
import type { Binding, PoolHandle, PoolRecords } from '../../native/binding.js'
import { Backoff } from '../backoff.js'
import type { Puller } from '../puller.js'

export type Lane = 'demand' | 'background'
const lanes: readonly Lane[] = ['demand', 'background']

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

interface Running {
  readonly stop: AbortController
  readonly ended: Promise<void>
}

export class Hydration {
  readonly #options: HydrationOptions
  readonly #running = new Map<string, Running>()
  readonly #troubles = new Map<string, string>()
  #wanted: ReadonlyMap<string, WantedOrigin> = new Map()
  #stopped = false

  constructor(options: HydrationOptions) {
    this.#options = options
  }

  /** The records have changed: begins the lanes they ask for, ends those they do not. */
  follow(records: PoolRecords): void {
    if (this.#stopped) return
    this.#wanted = wantedOrigins(records)
    for (const [key, { stop }] of this.#running) {
      const { snapshotId, lane } = parseKey(key)
      if (!this.#wants(snapshotId, lane)) stop.abort()
    }
    for (const { snapshotId, pinId } of this.#wanted.values()) {
      for (const lane of lanes) {
        if (this.#wants(snapshotId, lane)) this.#begin(snapshotId, pinId, lane)
      }
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
    await Promise.all(running.map(({ ended }) => ended))
  }

  #wants(snapshotId: string, lane: Lane): boolean {
    const wanted = this.#wanted.get(snapshotId)
    return wanted !== undefined && (lane === 'demand' || wanted.background)
  }

  #begin(snapshotId: string, pinId: string, lane: Lane): void {
    const key = keyOf(snapshotId, lane)
    if (this.#running.has(key)) return
    const stop = new AbortController()
    const ended = this.#run(snapshotId, pinId, lane, stop.signal).finally(() => {
      this.#running.delete(key)
      if (!this.#wanted.has(snapshotId)) this.#troubles.delete(snapshotId)
    })
    this.#running.set(key, { stop, ended })
  }

  // Ends when nothing more is wanted of the lane. A pull that completes is begun again, after a
  // pause, for as long as the records want it: new volumes of the same origin may have come.
  async #run(snapshotId: string, pinId: string, lane: Lane, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    const backoff = new Backoff(clock, { firstMs: 250, lastMs: 10_000 })
    while (!signal.aborted) {
      try {
        const begun = clock.monotonicMs()
        await this.#pull(snapshotId, pinId, lane, signal)
        this.#troubles.delete(snapshotId)
        if (clock.monotonicMs() - begun > 1000) backoff.reset()
      } catch (thrown) {
        if (signal.aborted) return
        const { message } = asAshlarError(thrown)
        if (this.#troubles.get(snapshotId) !== message) {
          log.warn({ err: thrown, snapshotId, lane }, 'hydration is interrupted and will go on')
        }
        this.#troubles.set(snapshotId, message)
      }
      if (!this.#wants(snapshotId, lane)) return
      await backoff.wait(signal).catch(() => undefined)
    }
  }

  async #pull(snapshotId: string, pinId: string, lane: Lane, signal: AbortSignal): Promise<void> {
    const { native, pool, pullers, site } = this.#options
    const channel = await native.openHydration(pool, { snapshotId, lane })
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
}

interface WantedOrigin {
  readonly snapshotId: string
  readonly pinId: string
  /** Some head is not full yet. Without one only the sealing of a cut may ask, by demand. */
  readonly background: boolean
}

function wantedOrigins(records: PoolRecords): ReadonlyMap<string, WantedOrigin> {
  const filling = new Set<string>()
  for (const { originSnapshotId, hydrated } of records.volumes) {
    if (originSnapshotId !== undefined && !hydrated) filling.add(originSnapshotId)
  }
  return new Map(
    records.origins.map(({ snapshotId, pinId }) => [
      snapshotId,
      { snapshotId, pinId, background: filling.has(snapshotId) },
    ]),
  )
}

const keyOf = (snapshotId: string, lane: Lane): string => `${lane} ${snapshotId}`

function parseKey(key: string): { readonly lane: Lane; readonly snapshotId: string } {
  const [word, snapshotId = ''] = key.split(' ')
  return { lane: word === 'demand' ? 'demand' : 'background', snapshotId }
}
