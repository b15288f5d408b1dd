// How fast bytes have come over the last few seconds, from how many there are now and then.

import type { Clock } from './clock.js'

const windowMs = 5_000

interface Sample {
  readonly ms: number
  readonly bytes: bigint
}

export class RateMeter {
  readonly #clock: Clock
  /** Oldest first; the first may be older than the window, for what has come since. */
  #samples: Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `bytes`: all that have come so far. Fewer than before: the work was begun again. */
  note(bytes: bigint): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && bytes < last.bytes) this.#samples = []
    this.#samples.push({ ms: this.#clock.monotonicMs(), bytes })
    this.#forgetOld()
  }

  /** 0 until two notes differ, and when nothing came for as long as the window. */
  get bytesPerSecond(): bigint {
    this.#forgetOld()
    const [first, ...more] = this.#samples
    const last = more.at(-1)
    if (first === undefined || last === undefined) return 0n
    const ms = this.#clock.monotonicMs() - first.ms
    return ms <= 0 ? 0n : ((last.bytes - first.bytes) * 1000n) / BigInt(Math.ceil(ms))
  }

  #forgetOld(): void {
    const oldestMs = this.#clock.monotonicMs() - windowMs
    const within = this.#samples.findIndex(({ ms }) => ms > oldestMs)
    const keepFrom = within < 0 ? this.#samples.length - 1 : within - 1
    if (keepFrom > 0) this.#samples.splice(0, keepFrom)
  }
}
