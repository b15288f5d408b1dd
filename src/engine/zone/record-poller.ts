// Looks at the pool's records every quarter of a second and soon after orders, and tells those who
// follow when something is new. A look costs what the pool has many of, so one serves all watchers of a
// node and all orders that were done meanwhile, and looks after orders rest three times as long as they took.

import type { Clock } from '../../base/clock.js'
import type { PoolRecords } from '../../native/binding.js'
import { zoneTiming } from '../zone-control.js'

export interface RecordPollerOptions {
  readonly read: () => PoolRecords
  /** Number of the last order done. */
  readonly revision: () => number
  /** Changes when something beside the records is worth telling. */
  readonly mark: () => string
  readonly clock: Clock
}

export interface Seen {
  /** The records contain every order counted by then. */
  readonly revision: number
  readonly records: PoolRecords
  /** Another one when anything but progress is. */
  readonly version: string
}

/** Wakes one watcher; changes between two looks are one change. */
export interface Feed {
  /** Settles when something changed since the last call, or after `ms`. */
  next(ms: number, clock: Clock, signal: AbortSignal): Promise<void>
  close(): void
}

export class RecordPoller {
  readonly #options: RecordPollerOptions
  readonly #feeds = new Set<() => void>()
  readonly #followers: ((records: PoolRecords) => void)[] = []
  #seen: Seen | undefined
  #due: NodeJS.Timeout | undefined
  #restUntilMs = 0
  /** How often a look found something else than progress. */
  #changes = 0
  #stopped = false

  constructor(options: RecordPollerOptions) {
    this.#options = options
  }

  /** Called with every change of the records, and of progress; also once at the start. */
  onChange(follower: (records: PoolRecords) => void): void {
    this.#followers.push(follower)
  }

  start(signal: AbortSignal): void {
    this.poll()
    const timer = setInterval(() => this.poll(), zoneTiming.pollMs)
    const stop = () => {
      this.#stopped = true
      clearInterval(timer)
      clearTimeout(this.#due)
    }
    signal.addEventListener('abort', stop, { once: true })
  }

  /** What the last look found. */
  seen(): Seen {
    return this.#seen ?? this.poll()
  }

  /** For an order that was done. */
  soon(): void {
    if (this.#due !== undefined || this.#stopped) return
    const restMs = this.#restUntilMs - this.#options.clock.monotonicMs()
    this.#due = setTimeout(() => this.poll(), Math.max(0, restMs))
  }

  /** Looks now, and wakes those who follow when something is new. */
  poll(): Seen {
    clearTimeout(this.#due)
    this.#due = undefined
    const { clock } = this.#options
    const since = clock.monotonicMs()
    const before = this.#seen
    // First: the records contain every order counted by then.
    const revision = this.#options.revision()
    const records = this.#options.read()
    const change = before === undefined ? 'records' : changeOf(before.records, records)
    if (change === 'records') this.#changes++
    // An order that changed nothing makes the records of before too old as well.
    const version = `${revision} ${this.#options.mark()} ${this.#changes}`
    const now = { revision, records, version }
    this.#seen = now
    this.#restUntilMs = since + 4 * (clock.monotonicMs() - since)
    if (change === 'none' && before?.version === version) return now
    for (const follow of this.#followers) follow(now.records)
    for (const wake of this.#feeds) wake()
    return now
  }

  feed(): Feed {
    let waiting = new AbortController()
    const wake = () => waiting.abort()
    this.#feeds.add(wake)
    return {
      next: async (ms, clock, signal) => {
        try {
          await clock.sleep(ms, AbortSignal.any([signal, waiting.signal]))
        } catch (thrown) {
          if (!signal.aborted && !waiting.signal.aborted) throw thrown
        }
        waiting = new AbortController()
      },
      close: () => this.#feeds.delete(wake),
    }
  }
}

type Change = 'none' | 'progress' | 'records'
type Item = PoolRecords[keyof PoolRecords][number]

const progressKeys: ReadonlySet<string> = new Set([
  'hydratedBytes',
  'hydrationTotalBytes',
  'doneBytes',
  'totalBytes',
])

// What has not changed is the same object again (PoolRecords), so only what has is looked into.
function changeOf(before: PoolRecords, now: PoolRecords): Change {
  let change: Change = 'none'
  for (const kind of Object.keys(now) as (keyof PoolRecords)[]) {
    const [was, is] = [before[kind], now[kind]]
    if (was.length !== is.length) return 'records'
    for (const [at, item] of is.entries()) {
      const old = was[at]
      if (item === old) continue
      if (old === undefined || !differInProgress(old, item)) return 'records'
      change = 'progress'
    }
  }
  return change
}

function differInProgress(before: Item, now: Item): boolean {
  const old = new Map<string, unknown>(Object.entries(before))
  const items = Object.entries(now)
  return (
    items.length === old.size &&
    items.every(([key, value]) => progressKeys.has(key) || old.get(key) === value)
  )
}
