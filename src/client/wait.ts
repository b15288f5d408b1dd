// Waiting for what goes on in the background: asks again and again, first often, then every second,
// and through restarts of the region.

import { type Clock, systemClock } from '../base/clock.js'
import { AshlarError, asAshlarError } from '../base/error.js'
import type { ErrorCode } from '../gen/errors.js'
import type { Reason__Output as Reason } from '../gen/ashlar/v1/Reason.js'
import type { Snapshot__Output as Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { SnapshotClone__Output as SnapshotClone } from '../gen/ashlar/v1/SnapshotClone.js'
import type { Volume__Output as Volume } from '../gen/ashlar/v1/Volume.js'
import type { CallOptions } from './calls.js'
import type { Client } from './client.js'

export interface WaitOptions<Answer> {
  readonly signal?: AbortSignal
  readonly clock?: Clock
  /** Called with every answer. */
  readonly onProgress?: (answer: Answer) => void
  /** How long the region may be away before waiting fails. */
  readonly patienceMs?: number
}

const pollMs = { first: 50, factor: 1.5, max: 1_000 } as const
const passing: ReadonlySet<ErrorCode> = new Set(['REMOTE_UNAVAILABLE', 'DEADLINE', 'SHUTTING_DOWN'])

/**
 * The snapshot once it is stable. Throws SNAPSHOT_FAILED with its reasons when it fails,
 * SNAPSHOT_NOT_FOUND when it is deleted meanwhile.
 */
export function waitForSnapshot(
  client: Client,
  snapshot: string,
  options: WaitOptions<Snapshot> = {},
): Promise<Snapshot> {
  const ask = (call: CallOptions) => client.snapshots.getSnapshot({ snapshot }, call)
  return waitUntil(ask, isStable, options)
}

/** The clone once it is available. Throws NOT_FOUND when it or its snapshot is deleted meanwhile. */
export function waitForClone(
  client: Client,
  clone: { readonly snapshot: string; readonly zone: string },
  options: WaitOptions<SnapshotClone> = {},
): Promise<SnapshotClone> {
  const ask = (call: CallOptions) => client.snapshots.getSnapshotClone(clone, call)
  return waitUntil(ask, ({ available }) => available, options)
}

/**
 * The volume once it can be attached and all of its data is in its zone. Throws FAILED_PRECONDITION
 * with its reasons when it never will, VOLUME_NOT_FOUND when it is deleted meanwhile.
 */
export function waitForVolume(
  client: Client,
  volume: string,
  options: WaitOptions<Volume> = {},
): Promise<Volume> {
  const ask = (call: CallOptions) => client.volumes.getVolume({ volume }, call)
  return waitUntil(ask, isWhole, options)
}

/** `isDone` throws when the end can no longer be reached. */
async function waitUntil<Answer>(
  ask: (call: CallOptions) => Promise<Answer>,
  isDone: (answer: Answer) => boolean,
  options: WaitOptions<Answer>,
): Promise<Answer> {
  const { signal, clock = systemClock, patienceMs = 60_000 } = options
  let answeredMs = clock.monotonicMs()
  for (
    let delayMs: number = pollMs.first;
    ;
    delayMs = Math.min(delayMs * pollMs.factor, pollMs.max)
  ) {
    const now = await answerOf(ask, signal)
    if (now instanceof AshlarError) {
      if (clock.monotonicMs() - answeredMs > patienceMs) throw now
    } else {
      answeredMs = clock.monotonicMs()
      options.onProgress?.(now)
      if (isDone(now)) return now
    }
    await clock.sleep(delayMs, signal)
  }
}

async function answerOf<Answer>(
  ask: (call: CallOptions) => Promise<Answer>,
  signal: AbortSignal | undefined,
): Promise<Answer | AshlarError> {
  try {
    return await ask(signal === undefined ? {} : { signal })
  } catch (thrown) {
    if (signal?.aborted === true) throw thrown
    const error = asAshlarError(thrown)
    if (passing.has(error.code)) return error
    throw error
  }
}

function isStable(snapshot: Snapshot): boolean {
  const { name, lifecycleState: state } = snapshot
  if (state === 'LIFECYCLE_STATE_STABLE') return true
  if (state === 'LIFECYCLE_STATE_DELETING') {
    throw new AshlarError('SNAPSHOT_NOT_FOUND', `snapshot ${name} is being deleted`)
  }
  if (state !== 'LIFECYCLE_STATE_FAILED' && state !== 'LIFECYCLE_STATE_UNUSABLE') return false
  const why = because(snapshot.lifecycleReasons)
  throw new AshlarError('SNAPSHOT_FAILED', `snapshot ${name} has failed${why}`)
}

function isWhole(volume: Volume): boolean {
  const { name, status } = volume
  if (status === 'VOLUME_STATUS_PENDING_DELETION') {
    throw new AshlarError('VOLUME_NOT_FOUND', `volume ${name} is being deleted`)
  }
  if (status === 'VOLUME_STATUS_FAILED' || status === 'VOLUME_STATUS_UNUSABLE') {
    const why = because(volume.statusReasons)
    throw new AshlarError('FAILED_PRECONDITION', `volume ${name} cannot be used${why}`)
  }
  const isThere = status === 'VOLUME_STATUS_AVAILABLE' || status === 'VOLUME_STATUS_UPDATING'
  return isThere && (volume.hydration === null || volume.hydration.percent === 100)
}

function because(reasons: readonly Reason[]): string {
  const why = reasons.map((reason) => reason.message).join('; ')
  return why && `: ${why}`
}
