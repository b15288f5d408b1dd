// A limit on bytes a second that several streams share: each pays for what it got before it asks for
// more, in the order of asking. What a quiet while saved up is worth at most `burstMs`.

import type { Clock } from './clock.js'

export interface RateLimitOptions {
  /** Above 0. */
  readonly bytesPerSecond: number
  readonly clock: Clock
}

const burstMs = 250

export class RateLimit {
  readonly #options: RateLimitOptions
  /** When everything paid for so far will have come at the limit; on the monotonic clock. */
  #paidUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Settles when `bytes` are within the limit. Rejects with the signal's reason. */
  async pay(bytes: number, signal: AbortSignal): Promise<void> {
    const { clock, bytesPerSecond } = this.#options
    const nowMs = clock.monotonicMs()
    const fromMs = Math.max(this.#paidUntilMs, nowMs - burstMs)
    this.#paidUntilMs = fromMs + (bytes * 1000) / bytesPerSecond
    const waitMs = this.#paidUntilMs - nowMs
    if (waitMs > 0) await clock.sleep(waitMs, signal)
  }
}
