// Causes that somebody else counts: one line of the log for each and minute, with how often it was.

import type { Clock } from './clock.js'
import { SaidCauses } from './said-causes.js'

/** More than a node's addon counts at a time. */
const causesMax = 2000

export class CountedCauses {
  readonly #said: SaidCauses
  readonly #counts = new Map<string, number>()

  constructor(clock: Clock) {
    this.#said = new SaidCauses(clock, causesMax)
  }

  /** `count`: how often it was so far. Calls `say` with how many are new, when it is time to. */
  report(what: string, count: number, say: (news: number) => void): void {
    const before = this.#counts.get(what) ?? 0
    // Whoever counts may have begun anew.
    const news = count < before ? count : count - before
    if (news <= 0 || !this.#said.isNew(what)) return
    this.#counts.set(what, count)
    say(news)
  }
}
