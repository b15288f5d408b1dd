// Serves readers that wait for remote ranges. The pool says which origins have some and nobody asks
// for; each gets a lane: one stream of the one connection that is for readers, opened by the first who
// waits, closed after a rest. So many are open at once, the rest first come first served; while others
// wait, a lane's time is short, so that readers who go on reading hold up nobody for long.

import type { Clock } from '../../base/clock.js'
import { AshlarError, asAshlarError } from '../../base/error.js'
import { limits } from '../../base/limits.js'
import type { ChannelHandle } from '../../native/binding.js'
import { Backoff } from '../backoff.js'
import { Slots } from './slots.js'

/** One pull, from its opening to its end. */
export interface DemandPull {
  readonly snapshotId: string
  readonly pinId: string
  readonly restMs: number
  readonly onOpen: (channel: ChannelHandle) => void
}

export interface DemandLanesOptions {
  readonly clock: Clock
  /** Origins that readers wait for, once there are some. Rejects when the pool closes. */
  readonly takeDemand: () => Promise<readonly string[]>
  /** Nothing when no such origin is here. */
  readonly pinOf: (snapshotId: string) => string | undefined
  /** Settles when the lane rests or has yielded. The caller has been told why it rejects. */
  readonly pull: (pull: DemandPull, signal: AbortSignal) => Promise<void>
  readonly yieldChannel: (channel: ChannelHandle) => Promise<void>
}

/** Without others who wait; with them a lane ends as soon as its readers pause. */
const restMs = 1000
const shortRestMs = 20
/** A lane's time while others wait. */
const turnMs = 250
/** What was asked for comes by then, or is asked for again by a later lane. */
const yieldMs = 5000

interface Lane {
  readonly pinId: string
  readonly stop: AbortController
  readonly ended: Promise<void>
}

interface Open {
  readonly sinceMs: number
  readonly stop: AbortController
  channel: ChannelHandle | undefined
  yieldedMs: number | undefined
}

export class DemandLanes {
  readonly #options: DemandLanesOptions
  readonly #slots = new Slots(limits.demandLanesMax)
  readonly #lanes = new Map<string, Lane>()
  /** In the order in which they were opened. */
  readonly #open = new Set<Open>()
  /** Origins with readers that the lane of now, if any, does not serve. */
  readonly #called = new Set<string>()
  readonly #stop = new AbortController()
  #making = false

  constructor(options: DemandLanesOptions) {
    this.#options = options
  }

  /** Ends when the pool closes. */
  async listen(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const snapshotId of await this.#options.takeDemand()) {
        this.#called.add(snapshotId)
        this.#begin(snapshotId)
      }
    }
  }

  /** Ends the lanes of origins that are gone, or have come again under another pin. */
  follow(pins: ReadonlyMap<string, string>): void {
    for (const [snapshotId, { pinId, stop }] of this.#lanes) {
      if (pins.get(snapshotId) !== pinId) stop.abort()
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the node is stopping'))
    const lanes = [...this.#lanes.values()]
    for (const { stop } of lanes) stop.abort()
    await Promise.all(lanes.map(({ ended }) => ended))
  }

  #begin(snapshotId: string): void {
    if (this.#stop.signal.aborted || this.#lanes.has(snapshotId)) return
    const pinId = this.#options.pinOf(snapshotId)
    if (pinId === undefined) {
      this.#called.delete(snapshotId)
      return
    }
    const stop = new AbortController()
    const ended = this.#run(snapshotId, pinId, stop).finally(() => {
      this.#lanes.delete(snapshotId)
      if (this.#called.has(snapshotId)) this.#begin(snapshotId)
    })
    this.#lanes.set(snapshotId, { pinId, stop, ended })
  }

  // Ends when nobody has called for it again.
  async #run(snapshotId: string, pinId: string, stop: AbortController): Promise<void> {
    const backoff = new Backoff(this.#options.clock, { firstMs: 250, lastMs: 5000 })
    do {
      try {
        await this.#serve(snapshotId, pinId, stop)
        backoff.reset()
      } catch {
        await backoff.wait(stop.signal).catch(() => undefined)
      }
    } while (!stop.signal.aborted && this.#called.has(snapshotId))
  }

  async #serve(snapshotId: string, pinId: string, stop: AbortController): Promise<void> {
    const slot = this.#slots.take(stop.signal)
    void this.#makeRoom()
    await slot
    const sinceMs = this.#options.clock.monotonicMs()
    const open: Open = {
      sinceMs,
      stop: new AbortController(),
      channel: undefined,
      yieldedMs: undefined,
    }
    const onOpen = (channel: ChannelHandle) => {
      open.channel = channel
    }
    const rest = this.#slots.waiting > 0 ? shortRestMs : restMs
    this.#open.add(open)
    this.#called.delete(snapshotId)
    try {
      const signal = AbortSignal.any([stop.signal, open.stop.signal])
      await this.#options.pull({ snapshotId, pinId, restMs: rest, onOpen }, signal)
    } finally {
      this.#open.delete(open)
      this.#slots.giveBack()
    }
  }

  // While others wait: those that have been open longest yield, as many as are waited for.
  async #makeRoom(): Promise<void> {
    if (this.#making) return
    this.#making = true
    const { clock } = this.#options
    while (this.#slots.waiting > 0 && !this.#stop.signal.aborted) {
      const nowMs = clock.monotonicMs()
      for (const open of [...this.#open].slice(0, this.#slots.waiting)) this.#pressOn(open, nowMs)
      await clock.sleep(turnMs, this.#stop.signal).catch(() => undefined)
    }
    this.#making = false
  }

  #pressOn(open: Open, nowMs: number): void {
    const { channel, sinceMs, yieldedMs } = open
    if (yieldedMs !== undefined) {
      if (nowMs - yieldedMs > yieldMs) {
        open.stop.abort(new AshlarError('REMOTE_UNAVAILABLE', 'what readers wait for did not come'))
      }
    } else if (channel !== undefined && nowMs - sinceMs >= turnMs) {
      open.yieldedMs = nowMs
      this.#options.yieldChannel(channel).catch(asAshlarError) // it has ended
    }
  }
}
