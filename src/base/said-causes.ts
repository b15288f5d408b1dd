// What goes wrong thousands of times a second is said once a minute for each cause.

import type { Clock } from './clock.js'

const quietMs = 60_000

export class SaidCauses {
  readonly #clock: Clock
  readonly #most: number
  /** When each was said last, oldest first. */
  readonly #said = new Map<string, number>()

  /** `most`: so many are remembered. */
  constructor(clock: Clock, most: number) {
    this.#clock = clock
    this.#most = most
  }

  /** Whether it is time to say it; then it counts as said. */
  isNew(cause: string): boolean {
    const now = this.#clock.monotonicMs()
    const last = this.#said.get(cause)
    if (last !== undefined && now - last < quietMs) return false
    this.#said.delete(cause)
    const [oldest] = this.#said.keys()
    if (this.#said.size === this.#most && oldest !== undefined) this.#said.delete(oldest)
    this.#said.set(cause, now)
    return true
  }
}
