// Waiting between attempts: doubling from `firstMs` to `lastMs`, cut short when somebody knows that
// a new attempt may succeed.

import type { Clock } from '../base/clock.js'

export interface BackoffOptions {
  readonly firstMs: number
  readonly lastMs: number
}

export class Backoff {
  readonly #clock: Clock
  readonly #options: BackoffOptions
  #nextMs: number
  #wake: AbortController | undefined

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock
    this.#options = options
    this.#nextMs = options.firstMs
  }

  /** An attempt succeeded: the next failure waits briefly again. */
  reset(): void {
    this.#nextMs = this.#options.firstMs
  }

  /** Ends a wait under way, and makes the next one short. */
  wake(): void {
    this.reset()
    this.#wake?.abort()
  }

  /** Rejects with the signal's reason when it is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    const wake = new AbortController()
    this.#wake = wake
    const ms = this.#nextMs
    this.#nextMs = Math.min(ms * 2, this.#options.lastMs)
    try {
      await this.#clock.sleep(ms, AbortSignal.any([signal, wake.signal]))
    } catch (thrown) {
      if (signal.aborted) throw thrown
    } finally {
      this.#wake = undefined
    }
  }
}
