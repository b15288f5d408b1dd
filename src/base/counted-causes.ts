// What goes wrong thousands of times a second is one line of the log for each cause and minute, with
// how often it was.

import type { Clock } from './clock.js'

const everyMs = 60_000

interface Said {
  readonly count: number
  readonly atMs: number
}

export class CountedCauses {
  readonly #clock: Clock
  readonly #said = new Map<string, Said>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `count`: how often it was so far. Calls `say` with how many are new, when it is time to. */
  report(what: string, count: number, say: (news: number) => void): void {
    const nowMs = this.#clock.monotonicMs()
    const said = this.#said.get(what)
    // Whoever counts may have begun anew.
    const news = said === undefined || count < said.count ? count : count - said.count
    if (news <= 0 || (said !== undefined && nowMs - said.atMs < everyMs)) return
    this.#said.set(what, { count, atMs: nowMs })
    say(news)
  }
}
