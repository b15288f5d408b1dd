// Drives durable rows to rest. One drive a row: it takes the row's next step again and again until
// the row rests, waiting between attempts that failed. A drive may die at any point; the row says
// where the next one begins.

import type { Clock } from '../../../base/clock.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Logger } from '../../../base/logger.js'
import { Backoff } from '../../backoff.js'
import { retryOf } from '../../retry.js'

export type Step =
  /** The row has moved; look at it again. */
  | { readonly kind: 'again' }
  /** Nothing is left to do. */
  | { readonly kind: 'rest' }
  /** Not now; the same step is tried later. */
  | { readonly kind: 'retry'; readonly error: AshlarError }
  /** The operation was refused and undone; those who wait for it get the error. */
  | { readonly kind: 'failed'; readonly error: AshlarError }

/** Requires: reads the row itself, and is idempotent. */
export type TakeStep = (signal: AbortSignal) => Promise<Step>

/**
 * What heals by itself is tried so often; everything else ever more rarely, since each attempt may do
 * much of the work again. Whatever may have healed it wakes all.
 */
const longestMs = { soon: 10_000, others: 300_000 }

interface Drive {
  readonly stop: AbortController
  readonly backoff: Backoff
  readonly settled: Promise<void>
  /** Of the step under way. */
  step: AbortController
  /** Somebody changed the row after the last look at it. */
  changed: boolean
}

export class Drives {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #running = new Map<string, Drive>()
  #stopped = false

  constructor(options: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = options.clock
    this.#log = options.log
  }

  /**
   * The row may have work: begins a drive, or makes the running one look again. The promise settles
   * when the row rests, and rejects when the operation failed for good.
   */
  look(key: string, step: TakeStep): Promise<void> {
    if (this.#stopped) return refused()
    const running = this.#running.get(key)
    if (running !== undefined) {
      running.changed = true
      running.backoff.wake()
      return running.settled
    }
    const stop = new AbortController()
    const backoff = new Backoff(this.#clock, { firstMs: 100, lastMs: longestMs.others })
    const settled = this.#run(key, step, stop.signal)
    // Whoever waits gets the failure; that nobody waits is no failure of the process.
    settled.catch(() => undefined)
    this.#running.set(key, { stop, backoff, settled, step: new AbortController(), changed: false })
    return settled
  }

  /**
   * Aborts the step under way: what it would come to is no longer wanted. The drive then looks at the
   * row again, and all who wait for it go on waiting.
   */
  interrupt(key: string): void {
    const running = this.#running.get(key)
    running?.step.abort(new AshlarError('CANCELLED', 'the row has become another'))
    running?.backoff.wake()
  }

  /** Tries at once what waits for a later attempt. */
  wakeAll(): void {
    for (const { backoff } of this.#running.values()) backoff.wake()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort(stopping())
    await Promise.allSettled(running.map(({ settled }) => settled))
  }

  async #run(key: string, step: TakeStep, stop: AbortSignal): Promise<void> {
    // The drive is in the map before it takes its first step.
    await Promise.resolve()
    const drive = this.#running.get(key)
    if (drive === undefined) throw new Error(`no drive of ${key}`)
    const { backoff } = drive
    try {
      for (;;) {
        stop.throwIfAborted()
        drive.changed = false
        drive.step = new AbortController()
        const taken = await this.#take(key, step, AbortSignal.any([stop, drive.step.signal]))
        stop.throwIfAborted()
        if (drive.step.signal.aborted) {
          backoff.reset()
          continue
        }
        if (taken.kind === 'failed') throw taken.error
        if (taken.kind === 'retry') {
          const isSoon = retryOf(taken.error) === 'soon'
          await backoff.wait(stop, isSoon ? longestMs.soon : longestMs.others)
        } else backoff.reset()
        if (taken.kind === 'rest' && !drive.changed) return
      }
    } finally {
      this.#running.delete(key)
    }
  }

  async #take(key: string, step: TakeStep, signal: AbortSignal): Promise<Step> {
    try {
      return await step(signal)
    } catch (thrown) {
      if (signal.aborted) return { kind: 'rest' }
      // A step handles what it expects. The rest may be a full disk or a mistake of ours.
      this.#log.error({ err: thrown, key }, 'a step failed unexpectedly and will be repeated')
      return { kind: 'retry', error: asAshlarError(thrown) }
    }
  }
}

function refused(): Promise<void> {
  const refusal = Promise.reject<void>(stopping())
  refusal.catch(() => undefined)
  return refusal
}

function stopping(): AshlarError {
  return new AshlarError('SHUTTING_DOWN', 'the region is stopping')
}
