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
const barCells = 20
/** What a terminal takes to begin its present line again. */
export const clearLine = '\r\u001b[K'

export class ProgressLine {
  readonly #options: ProgressOptions
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
    if (ms - this.#shownMs < (columns === undefined ? plainIntervalMs : redrawIntervalMs)) return
    this.#shownMs = ms
    const text = `${describe(progress)}${remark && `  (${remark})`}`
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
}

function bar(percent: number): string {
  const full = Math.floor((Math.min(100, Math.max(0, percent)) * barCells) / 100)
  return `[${'#'.repeat(full)}${'-'.repeat(barCells - full)}]`
}

function describe(progress: Progress): string {
  const done = Number(progress.doneBytes)
  const total = Number(progress.totalBytes)
  const rate = Number(progress.bytesPerSecond)
  const parts = [`${progress.percent} %`]
  if (total > 0) parts.push(`${formatBytes(done)} of ${formatBytes(total)}`)
  if (rate > 0) {
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
