// What one region asks of another about a copy. The region that makes the copy calls; the region of
// the source implements it, and replication carries it, so that neither knows where the other is.
// Every call is idempotent by the id of the copy.

import type { Id } from '../base/ids.js'

export interface OpenCopy {
  /** Of the new snapshot, in the calling region. */
  readonly copyId: Id
  /** Of the source. */
  readonly snapshotCrn: string
  /** Name of the calling region. */
  readonly region: string
  readonly copyCrn: string
  readonly copyName: string
}

export interface OpenedCopy {
  readonly pinId: string
  /** 80 bytes. */
  readonly manifest: Buffer
  readonly snapshotId: string
  /** What a copy carries, as `describeSnapshot` writes it. */
  readonly description: string
}

export interface CommitCopy {
  readonly copyId: Id
  readonly region: string
  readonly copyName: string
}

export interface ReleaseCopy {
  readonly copyId: Id
  readonly region: string
}

export interface CopyControl {
  /**
   * Pins the source. Throws SNAPSHOT_NOT_FOUND, SNAPSHOT_PENDING or SNAPSHOT_FAILED, and
   * PERMISSION_DENIED to a region that is no peer.
   */
  open(request: OpenCopy, signal: AbortSignal): Promise<OpenedCopy>
  /** The copy is durable: its pin goes. Repeated with another name it renames. */
  commit(request: CommitCopy, signal: AbortSignal): Promise<void>
  /** The copy is gone or given up. */
  release(request: ReleaseCopy, signal: AbortSignal): Promise<void>
}
