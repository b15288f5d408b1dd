// Ends work that has stopped moving, so that it holds up nobody else and can begin again.

import type { Clock } from '../base/clock.js'
import { AshlarError } from '../base/error.js'

export interface Watch {
  readonly clock: Clock
  /** What is watched, for the message: "the pull of r001-…". */
  readonly what: string
  readonly patienceMs: number
  /** Answers the same as long as nothing moves. */
  readonly progress: () => string
  readonly onStall?: () => void
}

/** So often within the patience: a process that was stopped for long finds one look missed, not all. */
const looks = 6

/**
 * Runs `body`. When nothing moves for the patience, its signal is aborted, and the rejection is
 * DEADLINE, whatever `body` makes of it. Requires that `body` ends when its signal is aborted.
 */
export async function watched<T>(
  watch: Watch,
  signal: AbortSignal,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stalled = new AbortController()
  const over = new AbortController()
  void endWhenStalled(watch, stalled, over.signal)
  try {
    return await body(AbortSignal.any([signal, stalled.signal]))
  } catch (thrown) {
    signal.throwIfAborted()
    stalled.signal.throwIfAborted()
    throw thrown
  } finally {
    over.abort()
  }
}

async function endWhenStalled(
  { clock, what, patienceMs, progress, onStall }: Watch,
  stalled: AbortController,
  over: AbortSignal,
): Promise<void> {
  let seen = progress()
  for (let still = 0; still < looks; ) {
    try {
      await clock.sleep(patienceMs / looks, over)
    } catch {
      return
    }
    const now = progress()
    still = now === seen ? still + 1 : 0
    seen = now
  }
  onStall?.()
  const seconds = Math.round(patienceMs / 1000)
  stalled.abort(new AshlarError('DEADLINE', `${what} has not moved for ${seconds} s`))
}
