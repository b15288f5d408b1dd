// Waiting between attempts: doubling from `firstMs` to `lastMs`, cut short when somebody knows that
// a new attempt may succeed. Each wait is between half and all of that, so that many who failed
// together do not come back together.

import type { Clock } from '../base/clock.js'
import { type Random, systemRandom } from '../base/random.js'

export interface BackoffOptions {
  readonly firstMs: number
  readonly lastMs: number
  readonly random?: Random
}

export class Backoff {
  readonly #clock: Clock
  readonly #options: BackoffOptions
  readonly #random: Random
  #nextMs: number
  #wake: AbortController | undefined

  constructor(clock: Clock, options: BackoffOptions) {
    this.#clock = clock
    this.#options = options
    this.#random = options.random ?? systemRandom
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

  /** At most `lastMs`. Rejects with the signal's reason when it is aborted. */
  async wait(signal: AbortSignal, lastMs = this.#options.lastMs): Promise<void> {
    const wake = new AbortController()
    this.#wake = wake
    const ms = Math.min(this.#nextMs, lastMs)
    this.#nextMs = Math.min(ms * 2, lastMs)
    try {
      await this.#clock.sleep(
        (ms * (1 + this.#random())) / 2,
        AbortSignal.any([signal, wake.signal]),
      )
    } catch (thrown) {
      if (signal.aborted) throw thrown
    } finally {
      this.#wake = undefined
    }
  }
}
