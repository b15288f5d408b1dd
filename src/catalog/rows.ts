// What the catalog remembers, as the engine sees it. States are the steps of the operation that the
// row stands for; on start every row that is not at rest is driven on from where it is.

import type { Id } from '../base/ids.js'

export interface Reason {
  readonly code: string
  readonly message: string
}

export interface OperatingSystem {
  readonly name: string
  readonly vendor: string
  readonly version: string
  readonly family: string
  readonly architecture: string
  readonly displayName: string
}

export interface ImageReference {
  readonly id: string
  readonly crn: string
  readonly name: string
}

/** What volumes and snapshots carry without looking at it. */
export interface Labels {
  readonly userTags: readonly string[]
  readonly resourceGroup: string
  readonly operatingSystem: OperatingSystem | undefined
  readonly sourceImage: ImageReference | undefined
}

export const volumeStates = ['creating', 'available', 'growing', 'deleting'] as const
export type VolumeState = (typeof volumeStates)[number]

/** Where the content comes from: nowhere, a cut on the same node, or a stable snapshot (pinned). */
export type VolumeSource =
  | { readonly kind: 'empty' }
  | { readonly kind: 'cut'; readonly snapshotId: Id; readonly snapshotName: string }
  | {
      readonly kind: 'origin'
      readonly snapshotId: Id
      readonly snapshotName: string
      readonly pinId: Id
    }

export interface VolumeRow {
  readonly seq: number
  readonly id: Id
  readonly name: string
  readonly zone: string
  readonly node: string
  readonly state: VolumeState
  /** What the user asked for. */
  readonly bytes: bigint
  /** What the node has confirmed; less than `bytes` while growing. */
  readonly grantedBytes: bigint
  /** The etag: raised when name or tags change. */
  readonly revision: number
  readonly labels: Labels
  readonly source: VolumeSource
  /** The node has said that nothing of the source is missing. */
  readonly hydrated: boolean
  /** The next snapshot is sealed without a base: an audit found a wrong root. */
  readonly fullSeal: boolean
  /** When a whole cut was last compared with its root; a full seal is such a comparison. */
  readonly auditedMs: number | undefined
  readonly createdMs: number
}

export const attachmentStates = ['attaching', 'attached', 'detaching'] as const
export type AttachmentState = (typeof attachmentStates)[number]

export interface AttachmentRow {
  readonly seq: number
  readonly id: Id
  readonly volumeId: Id
  readonly host: string
  readonly readOnly: boolean
  readonly state: AttachmentState
  readonly createdMs: number
}

export const snapshotStates = [
  'cutting',
  'waiting',
  'captured',
  'committing',
  'stable',
  'failed',
  'deleting',
] as const
export type SnapshotState = (typeof snapshotStates)[number]

/** The volume a snapshot was taken from; it may be gone, then this is its last name. */
export interface SnapshotSourceVolume {
  readonly id: Id
  readonly name: string
  readonly zone: string
  /** Of a volume of another region; its name was never known here. */
  readonly region?: string
}

/** The snapshot of another region that a snapshot is a copy of. */
export interface SnapshotSource {
  readonly crn: string
  /** Its last known name; empty until its region has answered. */
  readonly name: string
}

export interface SnapshotRow {
  readonly seq: number
  readonly id: Id
  readonly name: string
  readonly state: SnapshotState
  readonly reason: Reason | undefined
  /** Of the volume; empty for a copy. */
  readonly zone: string
  /** The only node that ever held the cut; empty for a copy. */
  readonly node: string
  /** Undefined while the source of a copy has not been reached. */
  readonly sourceVolume: SnapshotSourceVolume | undefined
  /** Of a copy. */
  readonly sourceSnapshot: SnapshotSource | undefined
  /** Capacity of the volume at the cut. */
  readonly bytes: bigint
  readonly epoch: number | undefined
  readonly capturedNs: bigint | undefined
  readonly rootHex: string | undefined
  readonly manifest: Buffer | undefined
  readonly storedBytes: bigint
  readonly logicalBytes: bigint
  readonly transferredBytes: bigint
  /** It is sealed without a base. */
  readonly fullSeal: boolean
  readonly revision: number
  readonly labels: Labels
  readonly createdMs: number
}

export const pinPurposes = ['restore', 'clone', 'copy'] as const
export type PinPurpose = (typeof pinPurposes)[number]

export interface PinRow {
  readonly id: Id
  readonly rootHex: string
  readonly snapshotId: Id
  readonly manifest: Buffer
  /** Name of the node that holds it, or of the region for a copy. */
  readonly holder: string
  readonly purpose: PinPurpose
  /** The volume, clone or copy it was written for. */
  readonly objectId: Id
  /** `claimed` until the order it was written for is acknowledged; from then the node's list decides. */
  readonly state: 'claimed' | 'held'
  readonly createdMs: number
}

export const cloneStates = ['wanted', 'building', 'available', 'deleting'] as const
export type CloneState = (typeof cloneStates)[number]

/** Where a clone is built: chosen when the snapshot is stable, and kept so that the order repeats. */
export interface ClonePlace {
  readonly node: string
  readonly pinId: Id
}

export interface CloneRow {
  readonly seq: number
  readonly id: Id
  readonly snapshotId: Id
  readonly zone: string
  /** `wanted` until the node has acknowledged the order. */
  readonly state: CloneState
  readonly place: ClonePlace | undefined
  readonly reason: Reason | undefined
  readonly createdMs: number
}

/** A copy of one of our snapshots in another region. */
export interface CopyRow {
  /** Of the snapshot there. */
  readonly id: Id
  readonly snapshotId: Id
  readonly region: string
  readonly crn: string
  readonly name: string
  /** The pin, while it is being made; undefined once it is durable there. */
  readonly pinId: Id | undefined
  /** What it was told about the source, as JSON. */
  readonly description: string
  /** When its region was last heard of. */
  readonly contactMs: number
  readonly createdMs: number
}

export interface PeerOrderRow {
  readonly seq: number
  readonly peer: string
  readonly kind: 'commitCopy' | 'releaseCopy'
  /** The copy. */
  readonly target: Id
}

/** A snapshot whose tree is in the store. */
export interface Base {
  readonly snapshotId: Id
  readonly rootHex: string
  readonly manifest: Buffer
  /** Undefined: not known any more. */
  readonly logicalBytes?: bigint
}

export const sessionKinds = ['ingest', 'copy', 'repair'] as const
export type SessionKind = (typeof sessionKinds)[number]

export interface SessionRow {
  readonly id: Id
  readonly kind: SessionKind
  readonly snapshotId: Id
  /** Its tree is kept while the session runs. */
  readonly base: { readonly rootHex: string; readonly manifest: Buffer } | undefined
  /** Of the collector, at the time it began. */
  readonly generation: number
  readonly createdMs: number
}

export type OrderRow = {
  readonly seq: number
  readonly node: string
  readonly target: Id
  readonly createdMs: number
} & ({ readonly kind: 'sealed'; readonly rootHex: string } | { readonly kind: 'dropCut' })

export interface RequestRow {
  readonly requestId: string
  readonly method: string
  /** Of the arguments. */
  readonly fingerprint: string
  readonly resourceId: Id
  /** The first answer as JSON, once there is one. */
  readonly answer: string | undefined
  readonly createdMs: number
}

export interface NodeRow {
  readonly name: string
  readonly zone: string
  readonly nbdUnixPath: string
  readonly nbdTcpAddress: string
}

/** The pool that a node showed last. */
export interface PoolRow {
  readonly node: string
  readonly poolId: string
  /** The newest checkpoint that was seen of it. */
  readonly generation: bigint
  /** Of the node's start that said so. */
  readonly bootId: string
  /** What is wrong with it, until its volumes were sealed from everything. */
  readonly reason: Reason | undefined
}

/** A row as it is written first: SQL gives it its place in the order of creation. */
export type New<Row extends { readonly seq: number }> = Omit<Row, 'seq'>
