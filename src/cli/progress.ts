// Progress on stderr: on a terminal one line with a bar, redrawn, with rate and time left; elsewhere
// a plain line every 10 s, so that a log shows life without filling up.

import { formatBytes } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import type { Progress__Output as Progress } from '../gen/ashlar/v1/Progress.js'
import { printable } from './text.js'

export interface ProgressOptions {
  readonly label: string
  readonly write: (text: string) => void
  /** Width of the terminal now; undefined: there is none. */
  readonly columns: (() => number) | undefined
  readonly clock: Clock
}

const plainIntervalMs = 10_000
const redrawIntervalMs = 100
/** Rate and time left are of the last few seconds, not of the whole run. */
const rateWindowMs = 10_000
const barCells = 20
/** What a terminal takes to begin its present line again. */
export const clearLine = '\r\u001b[K'

interface Sample {
  readonly ms: number
  readonly bytes: number
}

export class ProgressLine {
  readonly #options: ProgressOptions
  #samples: Sample[] = []
  #shownMs: number
  #drawn = false

  constructor(options: ProgressOptions) {
    this.#options = options
    const now = options.clock.monotonicMs()
    this.#shownMs = options.columns === undefined ? now : now - redrawIntervalMs
  }

  /** `remark` says why nothing moves, when something does. */
  update(progress: Progress, remark = ''): void {
    const { clock, columns, write, label } = this.#options
    const ms = clock.monotonicMs()
    this.#samples.push({ ms, bytes: Number(progress.doneBytes) })
    this.#samples = this.#samples.filter((sample) => ms - sample.ms <= rateWindowMs)
    if (ms - this.#shownMs < (columns === undefined ? plainIntervalMs : redrawIntervalMs)) return
    this.#shownMs = ms
    const text = `${describe(progress, this.#rate())}${remark && `  (${remark})`}`
    if (columns === undefined) {
      write(printable(`${label}  ${text}`) + '\n')
      return
    }
    // A line that wraps could not be redrawn.
    const line = printable(`${label}  ${bar(progress.percent)}  ${text}`)
    write(
      clearLine +
        Array.from(line)
          .slice(0, columns() - 1)
          .join(''),
    )
    this.#drawn = true
  }

  /** Removes the redrawn line, so that what follows starts on a clean one. */
  end(): void {
    if (this.#drawn) this.#options.write(clearLine)
    this.#drawn = false
  }

  /** Bytes per second; undefined until there are two samples. */
  #rate(): number | undefined {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.ms <= first.ms) return undefined
    return ((last.bytes - first.bytes) * 1000) / (last.ms - first.ms)
  }
}

function bar(percent: number): string {
  const full = Math.floor((Math.min(100, Math.max(0, percent)) * barCells) / 100)
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`
}

function describe(progress: Progress, rate: number | undefined): string {
  const done = Number(progress.doneBytes)
  const total = Number(progress.totalBytes)
  const parts = [`${progress.percent} %`]
  if (total > 0) parts.push(`${formatBytes(done)} of ${formatBytes(total)}`)
  if (rate !== undefined && rate > 0) {
    parts.push(`${formatBytes(rate)}/s`)
    if (total > done) parts.push(`${formatDuration((total - done) / rate)} left`)
  }
  return parts.join('  ')
}

/** "48 s", "3 min 20 s", "2 h 5 min". */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
