// Zone records and orders between the engine's types and the messages of ashlar.zone.v1.

import { AshlarError } from '../base/error.js'
import type {
  CloneProgress,
  HydrationProgress,
  NodeRecords,
  OrderAnswer,
  Revision,
  ZoneEvent,
} from '../engine/zone-control.js'
import type { CloneProgress__Output } from '../gen/ashlar/zone/v1/CloneProgress.js'
import type { CutRecord__Output } from '../gen/ashlar/zone/v1/CutRecord.js'
import type { HydrationProgress__Output } from '../gen/ashlar/zone/v1/HydrationProgress.js'
import type { NodeRecords as NodeRecordsMessage } from '../gen/ashlar/zone/v1/NodeRecords.js'
import type { NodeRecords__Output } from '../gen/ashlar/zone/v1/NodeRecords.js'
import type { Revision as RevisionMessage } from '../gen/ashlar/zone/v1/Revision.js'
import type { Revision__Output } from '../gen/ashlar/zone/v1/Revision.js'
import type { TombstoneKind, TombstoneKind__Output } from '../gen/ashlar/zone/v1/TombstoneKind.js'
import type { VolumeRecord__Output } from '../gen/ashlar/zone/v1/VolumeRecord.js'
import type { WatchResponse, WatchResponse__Output } from '../gen/ashlar/zone/v1/WatchResponse.js'

type Tombstone = NodeRecords['tombstones'][number]

export function encodeRevision({ bootId, number }: Revision): RevisionMessage {
  return { bootId, number }
}

/** Throws PROTOCOL when it is absent. */
export function decodeRevision(message: Revision__Output | null | undefined): Revision {
  if (message === null || message === undefined) throw missing('revision')
  return { bootId: message.bootId, number: Number(message.number) }
}

export function encodeEvent(event: ZoneEvent): WatchResponse {
  switch (event.kind) {
    case 'records':
      return { records: encodeRecords(event.records) }
    case 'hydration': {
      const { volumeId, doneBytes, totalBytes, trouble } = event.progress
      return {
        hydration: {
          volumeId,
          doneBytes: String(doneBytes),
          totalBytes: String(totalBytes),
          trouble: trouble ?? '',
        },
      }
    }
    case 'clone': {
      const { cloneId, doneBytes, totalBytes, trouble } = event.progress
      return {
        clone: {
          cloneId,
          doneBytes: String(doneBytes),
          totalBytes: String(totalBytes),
          trouble: trouble ?? '',
        },
      }
    }
    case 'heartbeat':
      return { heartbeat: { poolGeneration: String(event.poolGeneration) } }
  }
}

/** Undefined for an event of a newer node. */
export function decodeEvent(message: WatchResponse__Output): ZoneEvent | undefined {
  const { records, hydration, clone, heartbeat } = message
  if (records) return { kind: 'records', records: decodeRecords(records) }
  if (hydration) return { kind: 'hydration', progress: decodeProgress(hydration) }
  if (clone) return { kind: 'clone', progress: decodeCloneProgress(clone) }
  if (!heartbeat) return undefined
  return { kind: 'heartbeat', poolGeneration: BigInt(heartbeat.poolGeneration) }
}

export function decodeAnswer(
  revision: Revision__Output | null | undefined,
  cuts: OrderAnswer['cuts'] = [],
): OrderAnswer {
  return { revision: decodeRevision(revision), cuts }
}

function encodeRecords(records: NodeRecords): NodeRecordsMessage {
  const { node } = records
  return {
    revision: encodeRevision(records.revision),
    node: {
      ...node,
      capacityBytes: String(node.capacityBytes),
      freeBytes: String(node.freeBytes),
      poolGeneration: String(node.poolGeneration),
      poolOpenedGeneration: String(node.poolOpenedGeneration),
    },
    volumes: records.volumes.map(({ volumeId, bytes, originSnapshotId, hydrated }) => ({
      volumeId,
      bytes: String(bytes),
      originSnapshotId: originSnapshotId ?? '',
      hydrated,
    })),
    cuts: records.cuts.map((cut) => ({
      snapshotId: cut.snapshotId,
      volumeId: cut.volumeId ?? '',
      epoch: cut.epoch,
      bytes: String(cut.bytes),
      capturedNanoseconds: String(cut.capturedNs),
      hidden: cut.hidden,
      sealed: cut.sealed,
      rootHex: cut.rootHex ?? '',
    })),
    origins: records.origins.map((origin) => ({ ...origin })),
    attachments: records.attachments.map((attachment) => ({ ...attachment })),
    tombstones: records.tombstones.map(({ id, kind }) => ({ id, kind: tombstoneKinds[kind] })),
    clones: records.clones.map(({ cloneId, snapshotId, available }) => ({
      cloneId,
      snapshotId,
      available,
    })),
  }
}

function decodeRecords(message: NodeRecords__Output): NodeRecords {
  const { node } = message
  if (node === null) throw missing('node')
  return {
    revision: decodeRevision(message.revision),
    node: {
      ...node,
      capacityBytes: BigInt(node.capacityBytes),
      freeBytes: BigInt(node.freeBytes),
      poolGeneration: BigInt(node.poolGeneration),
      poolOpenedGeneration: BigInt(node.poolOpenedGeneration),
    },
    volumes: message.volumes.map(decodeVolume),
    cuts: message.cuts.map(decodeCut),
    origins: message.origins,
    attachments: message.attachments,
    tombstones: message.tombstones.flatMap(({ id, kind }) => {
      const known = decodeTombstoneKind(kind)
      return known === undefined ? [] : [{ id, kind: known }]
    }),
    clones: message.clones,
  }
}

function decodeVolume(record: VolumeRecord__Output): NodeRecords['volumes'][number] {
  const { volumeId, bytes, originSnapshotId, hydrated } = record
  const origin = originSnapshotId === '' ? {} : { originSnapshotId }
  return { volumeId, bytes: BigInt(bytes), hydrated, ...origin }
}

function decodeCut(record: CutRecord__Output): NodeRecords['cuts'][number] {
  const { snapshotId, volumeId, rootHex, hidden, sealed } = record
  return {
    snapshotId,
    ...(volumeId === '' ? {} : { volumeId }),
    epoch: Number(record.epoch),
    bytes: BigInt(record.bytes),
    capturedNs: BigInt(record.capturedNanoseconds),
    hidden,
    sealed,
    ...(rootHex === '' ? {} : { rootHex }),
  }
}

function decodeProgress(message: HydrationProgress__Output): HydrationProgress {
  const { volumeId, doneBytes, totalBytes, trouble } = message
  return {
    volumeId,
    doneBytes: BigInt(doneBytes),
    totalBytes: BigInt(totalBytes),
    trouble: trouble === '' ? undefined : trouble,
  }
}

function decodeCloneProgress(message: CloneProgress__Output): CloneProgress {
  const { cloneId, doneBytes, totalBytes, trouble } = message
  return {
    cloneId,
    doneBytes: BigInt(doneBytes),
    totalBytes: BigInt(totalBytes),
    trouble: trouble === '' ? undefined : trouble,
  }
}

const tombstoneKinds = {
  volume: 'TOMBSTONE_KIND_VOLUME',
  attachment: 'TOMBSTONE_KIND_ATTACHMENT',
  cut: 'TOMBSTONE_KIND_CUT',
  clone: 'TOMBSTONE_KIND_CLONE',
} as const satisfies Record<Tombstone['kind'], TombstoneKind>

function decodeTombstoneKind(kind: TombstoneKind__Output): Tombstone['kind'] | undefined {
  switch (kind) {
    case 'TOMBSTONE_KIND_VOLUME':
      return 'volume'
    case 'TOMBSTONE_KIND_ATTACHMENT':
      return 'attachment'
    case 'TOMBSTONE_KIND_CUT':
      return 'cut'
    case 'TOMBSTONE_KIND_CLONE':
      return 'clone'
    case 'TOMBSTONE_KIND_UNSPECIFIED':
      return undefined
  }
}

function missing(field: string): AshlarError {
  return new AshlarError('PROTOCOL', `the node sent no ${field}`)
}
