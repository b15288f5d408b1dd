// Waiting for a snapshot: asks again and again, first often, then every second, and through restarts
// of the region.

import { type Clock, systemClock } from '../base/clock.js'
import { AshlarError, asAshlarError } from '../base/error.js'
import type { ErrorCode } from '../gen/errors.js'
import type { Snapshot__Output as Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { Client } from './client.js'

export interface WaitOptions {
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Called with every answer. */
  readonly onProgress?: (snapshot: Snapshot) => void
  /** How long the region may be away before waiting fails. */
  readonly patienceMs?: number
}

const pollMs = { first: 50, factor: 1.5, max: 1_000 } as const
const passing: ReadonlySet<ErrorCode> = new Set(['REMOTE_UNAVAILABLE', 'DEADLINE', 'SHUTTING_DOWN'])

/**
 * The snapshot once it is stable. Throws SNAPSHOT_FAILED with its reasons when it fails,
 * SNAPSHOT_NOT_FOUND when it is deleted meanwhile.
 */
export async function waitForSnapshot(
  client: Client,
  snapshot: string,
  options: WaitOptions = {},
): Promise<Snapshot> {
  const { signal, clock = systemClock, patienceMs = 60_000 } = options
  let answeredMs = clock.monotonicMs()
  for (
    let delayMs: number = pollMs.first;
    ;
    delayMs = Math.min(delayMs * pollMs.factor, pollMs.max)
  ) {
    const now = await answer(client, snapshot, signal)
    if (now instanceof AshlarError) {
      if (clock.monotonicMs() - answeredMs > patienceMs) throw now
    } else {
      answeredMs = clock.monotonicMs()
      options.onProgress?.(now)
      if (now.lifecycleState === 'LIFECYCLE_STATE_STABLE') return now
      refuseUnlessUnderWay(now)
    }
    await clock.sleep(delayMs, signal)
  }
}

async function answer(
  client: Client,
  snapshot: string,
  signal: AbortSignal | undefined,
): Promise<Snapshot | AshlarError> {
  try {
    return await client.snapshots.getSnapshot({ snapshot }, signal === undefined ? {} : { signal })
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown
    const error = asAshlarError(thrown)
    if (passing.has(error.code)) return error
    throw error
  }
}

function refuseUnlessUnderWay(snapshot: Snapshot): void {
  const state = snapshot.lifecycleState
  if (state === 'LIFECYCLE_STATE_DELETING') {
    throw new AshlarError('SNAPSHOT_NOT_FOUND', `snapshot ${snapshot.name} is being deleted`)
  }
  if (state !== 'LIFECYCLE_STATE_FAILED' && state !== 'LIFECYCLE_STATE_UNUSABLE') return
  const why = snapshot.lifecycleReasons.map((reason) => reason.message).join('; ')
  throw new AshlarError(
    'SNAPSHOT_FAILED',
    `snapshot ${snapshot.name} has failed${why && `: ${why}`}`,
  )
}
