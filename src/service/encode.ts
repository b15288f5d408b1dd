// Parts that several messages have, from the engine's views.

import { timestampFromMs, timestampFromNs } from '../base/timestamp.js'
import type { ImageReference, Labels, OperatingSystem, Reason } from '../catalog/rows.js'
import type { ProgressView, ReferenceView } from '../engine/region/objects/views.js'
import type { PoolGrowth } from '../engine/zone-control.js'
import type { Progress } from '../gen/ashlar/v1/Progress.js'
import type { VolumeReference } from '../gen/ashlar/v1/VolumeReference.js'

/** VolumeReference and SnapshotReference are the same fields. */
export function encodeReference(view: ReferenceView): VolumeReference {
  const { id, crn, name, deleted, remoteRegion = '' } = view
  return { id, crn, name, deleted, remoteRegion }
}

export function encodeProgress(view: ProgressView): Progress {
  return {
    doneBytes: String(view.doneBytes),
    totalBytes: String(view.totalBytes),
    percent: view.percent,
    bytesPerSecond: String(view.bytesPerSecond),
  }
}

export function encodeReasons(reasons: readonly Reason[]): Reason[] {
  return reasons.map(({ code, message }) => ({ code, message }))
}

/** The same fields in ashlar.v1 and ashlar.zone.v1. */
export function encodePoolGrowth({ capacityBytes, capacityBeforeBytes }: PoolGrowth) {
  return {
    capacityBytes: String(capacityBytes),
    capacityBeforeBytes: String(capacityBeforeBytes),
  }
}

export interface LabelFields {
  userTags: string[]
  resourceGroup: string
  operatingSystem?: OperatingSystem
  sourceImage?: ImageReference
}

export function encodeLabels(labels: Labels): LabelFields {
  const { userTags, resourceGroup, operatingSystem, sourceImage } = labels
  return {
    userTags: [...userTags],
    resourceGroup,
    ...(operatingSystem === undefined ? {} : { operatingSystem }),
    ...(sourceImage === undefined ? {} : { sourceImage }),
  }
}

export const encodeMs = timestampFromMs
export const encodeNs = timestampFromNs
