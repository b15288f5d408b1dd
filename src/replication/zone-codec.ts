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
import type { NodeChanges as NodeChangesMessage } from '../gen/ashlar/zone/v1/NodeChanges.js'
import type { NodeChanges__Output } from '../gen/ashlar/zone/v1/NodeChanges.js'
import type { NodeRecords as NodeRecordsMessage } from '../gen/ashlar/zone/v1/NodeRecords.js'
import type { NodeRecords__Output } from '../gen/ashlar/zone/v1/NodeRecords.js'
import type { Revision as RevisionMessage } from '../gen/ashlar/zone/v1/Revision.js'
import type { Revision__Output } from '../gen/ashlar/zone/v1/Revision.js'
import type { TombstoneKind, TombstoneKind__Output } from '../gen/ashlar/zone/v1/TombstoneKind.js'
import type { VolumeRecord__Output } from '../gen/ashlar/zone/v1/VolumeRecord.js'
import type { WatchResponse, WatchResponse__Output } from '../gen/ashlar/zone/v1/WatchResponse.js'
import { type RecordChanges, type SentRecords, applied } from './record-changes.js'

type Tombstone = NodeRecords['tombstones'][number]

export function encodeRevision({ bootId, number }: Revision): RevisionMessage {
  return { bootId, number }
}

/** Throws PROTOCOL when it is absent. */
export function decodeRevision(message: Revision__Output | null | undefined): Revision {
  if (message === null || message === undefined) throw missing('revision')
  return { bootId: message.bootId, number: Number(message.number) }
}

/** `sent`: of the stream, where its receiver understands changes. */
export function encodeEvent(event: ZoneEvent, sent?: SentRecords): WatchResponse {
  switch (event.kind) {
    case 'records': {
      const changes = sent?.next(event.records)
      if (changes === undefined) return { records: encodeRecords(event.records) }
      return { changes: encodeChanges(changes) }
    }
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

/**
 * `before`: the records that came last on the stream. Undefined for an event of a newer node. Throws
 * PROTOCOL for changes of nothing.
 */
export function decodeEvent(
  message: WatchResponse__Output,
  before: NodeRecords | undefined,
): ZoneEvent | undefined {
  const { records, changes, hydration, clone, heartbeat } = message
  if (records) return { kind: 'records', records: decodeRecords(records) }
  if (changes) {
    if (before === undefined) throw missing('records before their changes')
    return { kind: 'records', records: applied(before, decodeChanges(changes)) }
  }
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

function encodeChanges({ added, gone }: RecordChanges): NodeChangesMessage {
  return {
    added: encodeRecords(added),
    goneVolumes: [...gone.volumes],
    goneCuts: [...gone.cuts],
    goneOrigins: [...gone.origins],
    goneAttachments: [...gone.attachments],
    goneTombstones: [...gone.tombstones],
    goneClones: [...gone.clones],
  }
}

function decodeChanges(message: NodeChanges__Output): RecordChanges {
  if (message.added === null) throw missing('node')
  return {
    added: decodeRecords(message.added),
    gone: {
      volumes: message.goneVolumes,
      cuts: message.goneCuts,
      origins: message.goneOrigins,
      attachments: message.goneAttachments,
      tombstones: message.goneTombstones,
      clones: message.goneClones,
    },
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
    tombstones: message.tombstones.map(({ id, kind }) => ({ id, kind: decodeTombstoneKind(kind) })),
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

// Changes name places in the lists: nothing of them may be left out here.
function decodeTombstoneKind(kind: TombstoneKind__Output): Tombstone['kind'] {
  switch (kind) {
    case 'TOMBSTONE_KIND_VOLUME':
      return 'volume'
    case 'TOMBSTONE_KIND_ATTACHMENT':
      return 'attachment'
    case 'TOMBSTONE_KIND_CUT':
      return 'cut'
    case 'TOMBSTONE_KIND_CLONE':
      return 'clone'
    default:
      throw new AshlarError('PROTOCOL', `the node has a tombstone of an unknown kind (${kind})`)
  }
}

function missing(field: string): AshlarError {
  return new AshlarError('PROTOCOL', `the node sent no ${field}`)
}
