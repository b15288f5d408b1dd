// What each error means for work that goes on by itself: whether the same attempt can succeed later.
// A job that ends for good gives up what it was for, so that only what cannot heal says so.

import type { AshlarError } from '../base/error.js'
import type { ErrorCode } from '../gen/errors.js'

export type Retry =
  /** By itself, before long: somebody is away, busy, or not ready yet. */
  | 'soon'
  /** Once somebody has done something about it. */
  | 'later'
  /** It may have been chance; what stays wrong is wrong. */
  | 'few'
  /** The same attempt ends the same way. */
  | 'never'

export const retryTable = {
  INVALID_ARGUMENT: 'never',
  NOT_FOUND: 'later',
  VOLUME_NOT_FOUND: 'never',
  SNAPSHOT_NOT_FOUND: 'never',
  ATTACHMENT_NOT_FOUND: 'never',
  ZONE_NOT_FOUND: 'later',
  NAME_DUPLICATE: 'never',
  VOLUME_IN_USE: 'later',
  VOLUME_ATTACHED: 'later',
  SNAPSHOT_PENDING: 'soon',
  SNAPSHOT_FAILED: 'never',
  CAPACITY_SHRINK: 'never',
  CAPACITY_BELOW_MINIMUM: 'never',
  // Of a volume that hydrates, mostly.
  FAILED_PRECONDITION: 'soon',
  TOMBSTONE: 'never',
  ID_REUSED: 'never',
  ETAG_MISMATCH: 'never',
  READ_ONLY: 'later',
  PERMISSION_DENIED: 'later',
  OUT_OF_RANGE: 'never',
  NO_SPACE: 'later',
  QUOTA_EXCEEDED: 'later',
  TOO_LARGE: 'never',
  // The other side may be older than this one.
  NOT_SUPPORTED: 'later',
  CORRUPT: 'few',
  FOREIGN_FILE: 'later',
  NEWER_FORMAT: 'later',
  IN_USE: 'later',
  DEVICE_FAILED: 'later',
  POOL_READ_ONLY: 'later',
  REMOTE_UNAVAILABLE: 'soon',
  DEADLINE: 'soon',
  CANCELLED: 'soon',
  SHUTTING_DOWN: 'soon',
  PROTOCOL: 'few',
  // Whatever has no code of its own.
  INTERNAL: 'later',
  CATALOG_BEHIND: 'later',
} as const satisfies Record<ErrorCode, Retry>

export const retryOf = ({ code }: AshlarError): Retry => retryTable[code]

/** Attempts in a row that may end with what may be chance. */
const attemptsMax = 3

/** Counts in memory: a restart begins anew. */
export class Attempts {
  readonly #few = new Map<string, number>()

  /** Whether the attempt that ended so was the last one of the job. */
  isLast(job: string, error: AshlarError): boolean {
    const retry = retryOf(error)
    if (retry === 'never') return true
    if (retry !== 'few') return false
    const attempts = (this.#few.get(job) ?? 0) + 1
    this.#few.set(job, attempts)
    return attempts >= attemptsMax
  }

  forget(job: string): void {
    this.#few.delete(job)
  }
}
