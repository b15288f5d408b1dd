// The two ends of a pull as the engines see them. JavaScript only carries frames between a gRPC
// stream and a native channel; replication fills both interfaces.

import type { AshlarError } from '../base/error.js'
import type { ChannelHandle } from '../native/binding.js'

export interface PullOpen {
  readonly snapshotId: string
  /** A snapshot whose tree the receiver holds. */
  readonly baseSnapshotId?: string
  /** Name of the site that asks. */
  readonly site: string
  /** The pin that allows it, where the source demands one. */
  readonly pinId?: string
}

export type PullOutcome =
  /** The channel has nothing more to ask for. */
  | { readonly kind: 'complete' }
  /** The source said why it cannot serve. */
  | { readonly kind: 'refused'; readonly error: AshlarError }

/** What the source says when it begins. */
export interface PullOpened {
  readonly volumeBytes: bigint
  /** Of 80 bytes, when the source knows it. */
  readonly manifest: Buffer | undefined
  /** The list that follows is the difference from the base asked for. */
  readonly baseAgreed: boolean
}

/** Makes the receiving channel once the source has opened. Whoever made it closes it. */
export type Receive = (opened: PullOpened) => Promise<ChannelHandle>

/** Pulls from one peer. */
export interface Puller {
  /**
   * Runs until the channel has nothing more to send. Throws what the channel or the connection
   * failed with; pulling again resumes.
   */
  pull(receive: Receive, open: PullOpen, signal: AbortSignal): Promise<PullOutcome>
}

export interface OpenedSource {
  readonly channel: ChannelHandle
  readonly volumeBytes: bigint
  readonly manifest?: Buffer
  /** The list that follows is the difference from the base asked for. */
  readonly baseAgreed: boolean
}

/** What a site lets others pull. */
export interface PullSource {
  /** Throws when the snapshot is not here or not pinned for the one who asks. The caller closes. */
  open(request: PullOpen): Promise<OpenedSource>
}
