// What a region orders from a zone node and learns from it. The zone engine implements it on a pool;
// replication implements it over gRPC, so that a region does not know where its nodes are.

import type { CutAnswer, PoolOrder, PoolRecords } from '../native/binding.js'

/**
 * The state of a node that an answer belongs to. Records of the same boot whose number is at least
 * that of an answer were taken after that order; older ones prove nothing about it.
 */
export interface Revision {
  /** Made anew at each start of the node. */
  readonly bootId: string
  /** Raised by every finished order. */
  readonly number: number
}

/** Nothing that a later order says brings back what is gone then. */
export function isIrreversible({ kind }: PoolOrder): boolean {
  switch (kind) {
    case 'deleteVolume':
    case 'detach':
    case 'sealed': // older cuts become bookmarks
    case 'dropCut':
    case 'deleteClone':
    case 'forgetTombstone':
      return true
    case 'createVolume':
    case 'growVolume':
    case 'attach':
    case 'cut':
    case 'createClone':
      return false
  }
}

export interface OrderAnswer {
  readonly revision: Revision
  /** Of a `cut`, else empty. */
  readonly cuts: CutAnswer['cuts']
}

export interface NodeDescription {
  readonly name: string
  readonly zone: string
  readonly region: string
  /** Empty when the node has no Unix socket. */
  readonly nbdUnixPath: string
  /** "host:port" as clients reach it; empty when the node has no TCP listener. */
  readonly nbdTcpAddress: string
  readonly capacityBytes: bigint
  readonly freeBytes: bigint
  readonly readOnly: boolean
  /** Empty when the node is too old to say. */
  readonly poolId: string
  /** The pool's newest durable checkpoint. */
  readonly poolGeneration: bigint
  /** The one that it had when this start of the node opened it. */
  readonly poolOpenedGeneration: bigint
}

type Volume = PoolRecords['volumes'][number]
type Cut = PoolRecords['cuts'][number]

/** The pool's records as a region sees them: without lineages, and without progress. */
export interface NodeRecords {
  readonly revision: Revision
  readonly node: NodeDescription
  readonly volumes: readonly Pick<Volume, 'volumeId' | 'bytes' | 'originSnapshotId' | 'hydrated'>[]
  readonly cuts: readonly Omit<Cut, 'lineage'>[]
  readonly origins: PoolRecords['origins']
  readonly attachments: PoolRecords['attachments']
  readonly tombstones: PoolRecords['tombstones']
  readonly clones: readonly Pick<
    PoolRecords['clones'][number],
    'cloneId' | 'snapshotId' | 'available'
  >[]
}

export interface HydrationProgress {
  readonly volumeId: string
  readonly doneBytes: bigint
  readonly totalBytes: bigint
  /** Why the last attempt to fetch failed; undefined while it goes well. */
  readonly trouble: string | undefined
}

export interface CloneProgress {
  readonly cloneId: string
  readonly doneBytes: bigint
  readonly totalBytes: bigint
  /** Why the last attempt to fetch failed; undefined while it goes well. */
  readonly trouble: string | undefined
}

export type ZoneEvent =
  | { readonly kind: 'records'; readonly records: NodeRecords }
  | { readonly kind: 'hydration'; readonly progress: HydrationProgress }
  | { readonly kind: 'clone'; readonly progress: CloneProgress }
  /** 0 when the node is too old to say. */
  | { readonly kind: 'heartbeat'; readonly poolGeneration: bigint }

export interface PoolGrowth {
  readonly capacityBytes: bigint
  readonly capacityBeforeBytes: bigint
}

export interface ZoneControl {
  /** Settles when the order is durable. Idempotent by the ids in it; see PoolOrder. */
  order(order: PoolOrder, signal: AbortSignal): Promise<OrderAnswer>
  /** The Merkle root (hex) of a cut, from reading all of it. May take hours. */
  audit(snapshotId: string, signal: AbortSignal): Promise<string>
  /** The pool becomes as large as the node's configuration says now. Idempotent. */
  growPool(signal: AbortSignal): Promise<PoolGrowth>
  /** Begins with the full records. Something comes at least every `zoneTiming.heartbeatMs`. */
  watch(region: string, signal: AbortSignal): AsyncIterable<ZoneEvent>
}

export const zoneTiming = {
  pollMs: 250,
  heartbeatMs: 5000,
  /** A watch that is silent for so long is lost. Above what a blocked event loop may take. */
  silenceMs: 20_000,
} as const
