// What callers ask for, after parsing: values are within their ranges, references well formed.

import type { Crn } from '../../../base/crn.js'
import type { Id } from '../../../base/ids.js'
import type { Reference } from '../../../base/reference.js'
import type { ImageReference, OperatingSystem } from '../../../catalog/rows.js'

export interface CreateVolume {
  /** Empty: one is picked. */
  readonly name: string
  readonly zone: string
  /** Undefined: that of the source. */
  readonly capacityBytes: bigint | undefined
  readonly sourceSnapshot: Reference | undefined
  readonly userTags: readonly string[]
  readonly resourceGroup: string
  readonly operatingSystem: OperatingSystem | undefined
  readonly sourceImage: ImageReference | undefined
  readonly requestId: string
}

export interface UpdateVolume {
  readonly volume: Reference
  readonly name?: string
  readonly userTags?: readonly string[]
  readonly capacityBytes?: bigint
  readonly etag: string
  readonly requestId: string
}

export interface DeleteObject {
  readonly target: Reference
  readonly etag: string
  readonly requestId: string
}

export interface CreateAttachment {
  readonly volume: Reference
  readonly host: string
  readonly readOnly: boolean
  /** Refused at once when the node has no TCP listener. */
  readonly wantTcp: boolean
  readonly requestId: string
}

export interface DeleteAttachment {
  readonly attachment: Id
  readonly requestId: string
}

export interface CreateSnapshot {
  readonly sourceVolume: Reference
  /** Of this region, no duplicates. */
  readonly cloneZones: readonly string[]
  /** Empty: one is picked. */
  readonly name: string
  readonly userTags: readonly string[]
  readonly resourceGroup: string
  readonly requestId: string
}

export interface CopySnapshot {
  /** Of a snapshot of another region. */
  readonly source: Crn
  readonly cloneZones: readonly string[]
  /** Empty: one is picked. */
  readonly name: string
  readonly userTags: readonly string[]
  readonly resourceGroup: string
  readonly requestId: string
}

export interface UpdateSnapshot {
  readonly snapshot: Reference
  readonly name?: string
  readonly userTags?: readonly string[]
  readonly etag: string
  readonly requestId: string
}

/** At most one of a snapshot in a zone. */
export interface NameClone {
  readonly snapshot: Reference
  readonly zone: string
}

export interface ChangeClone extends NameClone {
  readonly requestId: string
}
