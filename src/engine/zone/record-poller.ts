// Looks at the pool's records every quarter of a second and after every order, and tells those who
// follow when something is new. One poller serves all watchers of a node.

import type { Clock } from '../../base/clock.js'
import type { PoolRecords } from '../../native/binding.js'
import { zoneTiming } from '../zone-control.js'

export interface RecordPollerOptions {
  readonly read: () => PoolRecords
  /** Changes when something beside the records is worth telling. */
  readonly mark: () => string
  readonly clock: Clock
}

const progressKeys: ReadonlySet<string> = new Set([
  'hydratedBytes',
  'hydrationTotalBytes',
  'doneBytes',
  'totalBytes',
])

interface Seen {
  readonly records: PoolRecords
  /** The mark and everything but progress, for comparison. */
  readonly text: string
  readonly progress: string
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
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  /** The records now, not as of the last poll. */
  current(): { readonly records: PoolRecords; readonly text: string } {
    return this.#look()
  }

  poll(): void {
    const before = this.#seen
    const now = this.#look()
    this.#seen = now
    if (before !== undefined && before.text === now.text && before.progress === now.progress) return
    for (const follow of this.#followers) follow(now.records)
    for (const wake of this.#feeds) wake()
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

  #look(): Seen {
    const records = this.#options.read()
    const progress: string[] = []
    const text = JSON.stringify(records, (key, value: unknown) => {
      if (progressKeys.has(key)) {
        progress.push(String(value))
        return undefined
      }
      if (key === 'manifest') return undefined // the pin beside it stands for it
      return typeof value === 'bigint' ? String(value) : value
    })
    return { records, text: `${this.#options.mark()} ${text}`, progress: progress.join(' ') }
  }
}
