// ashlar.zone.v1.ZoneService: what a region may order from this node. Orders are checked here as
// completely as if a stranger had sent them; the pool then checks what only it knows.

import { checkCapacity } from '../base/capacity.js'
import { invalidArgument } from '../base/error.js'
import { parseHost } from '../base/host.js'
import { parseId } from '../base/ids.js'
import type { OrderAnswer, ZoneControl } from '../engine/zone-control.js'
import type { CreateCloneRequest__Output } from '../gen/ashlar/zone/v1/CreateCloneRequest.js'
import type { CreateCutRequest__Output } from '../gen/ashlar/zone/v1/CreateCutRequest.js'
import type { CreateVolumeRequest__Output } from '../gen/ashlar/zone/v1/CreateVolumeRequest.js'
import type { Origin__Output } from '../gen/ashlar/zone/v1/Origin.js'
import type { ZoneServiceHandlers } from '../gen/ashlar/zone/v1/ZoneService.js'
import type { PoolOrder, PoolStats } from '../native/binding.js'
import { SentRecords } from '../replication/record-changes.js'
import { encodeEvent, encodeRevision } from '../replication/zone-codec.js'
import { encodePoolGrowth } from './encode.js'
import type { CallContext, Handlers } from './unary.js'

/** A zone node as its own service sees it. */
export interface ServedNode extends ZoneControl {
  stats(): PoolStats
  cutPausesNs(): readonly number[]
}

const cutMembersMax = 64
const graceMsMax = 60_000
const manifestBytes = 80

export function zoneHandlers(node: ServedNode, handlers: Handlers) {
  const does = <Request>(parse: (request: Request) => PoolOrder) =>
    handlers.unary(async (request: Request, { signal }: CallContext) =>
      encodeAnswer(await node.order(parse(request), signal)),
    )
  return {
    CreateVolume: does(parseCreateVolume),
    GrowVolume: does(({ volumeId, bytes }) => ({
      kind: 'growVolume',
      volumeId: parseId(volumeId, 'volume_id'),
      bytes: checkCapacity(BigInt(bytes), 'bytes'),
    })),
    DeleteVolume: does(({ volumeId }) => ({
      kind: 'deleteVolume',
      volumeId: parseId(volumeId, 'volume_id'),
    })),
    CreateAttachment: does(({ attachmentId, volumeId, host, readOnly }) => ({
      kind: 'attach',
      attachmentId: parseId(attachmentId, 'attachment_id'),
      volumeId: parseId(volumeId, 'volume_id'),
      host: parseHost(host),
      readOnly,
    })),
    DeleteAttachment: does(({ attachmentId, graceMilliseconds }) => ({
      kind: 'detach',
      attachmentId: parseId(attachmentId, 'attachment_id'),
      graceMs: parseGrace(graceMilliseconds),
    })),
    CreateCut: does(parseCut),
    SealedCut: does(({ snapshotId, rootHex }) => ({
      kind: 'sealed',
      snapshotId: parseId(snapshotId, 'snapshot_id'),
      rootHex: parseRoot(rootHex),
    })),
    AuditCut: handlers.unary(async ({ snapshotId }, { signal }) => ({
      rootHex: await node.audit(parseId(snapshotId, 'snapshot_id'), signal),
    })),
    DropCut: does(({ snapshotId }) => ({
      kind: 'dropCut',
      snapshotId: parseId(snapshotId, 'snapshot_id'),
    })),
    CreateClone: does(parseCreateClone),
    DeleteClone: does(({ cloneId }) => ({
      kind: 'deleteClone',
      cloneId: parseId(cloneId, 'clone_id'),
    })),
    ForgetTombstone: does(({ id }) => ({ kind: 'forgetTombstone', id: parseId(id) })),
    GrowPool: handlers.unary(async (_request, { signal }) =>
      encodePoolGrowth(await node.growPool(signal)),
    ),
    Watch: handlers.stream(async function* ({ region, changes }, { signal }) {
      const sent = changes ? new SentRecords() : undefined
      for await (const event of node.watch(region, signal)) yield encodeEvent(event, sent)
    }),
    GetNodeStats: handlers.unary(async () => encodeStats(node.stats(), node.cutPausesNs())),
  } satisfies ZoneServiceHandlers
}

function parseCreateVolume(request: CreateVolumeRequest__Output): PoolOrder {
  const { cutSnapshotId, origin } = request
  const order = {
    kind: 'createVolume',
    volumeId: parseId(request.volumeId, 'volume_id'),
    bytes: checkCapacity(BigInt(request.bytes), 'bytes'),
  } as const
  if (origin) return { ...order, origin: parseOrigin(origin) }
  if (cutSnapshotId === undefined) return order
  return { ...order, cutSnapshotId: parseId(cutSnapshotId, 'cut_snapshot_id') }
}

function parseOrigin({ snapshotId, manifest, pinId }: Origin__Output) {
  if (manifest.length !== manifestBytes) {
    const problem = `a manifest has ${manifestBytes} bytes, not ${manifest.length}`
    throw invalidArgument('origin.manifest', problem)
  }
  return {
    snapshotId: parseId(snapshotId, 'origin.snapshot_id'),
    manifest,
    pinId: parseId(pinId, 'origin.pin_id'),
  }
}

function parseCreateClone(request: CreateCloneRequest__Output): PoolOrder {
  const { cloneId, snapshotId, origin, baseSnapshotId } = request
  if (origin === null) throw invalidArgument('origin', 'origin is required')
  return {
    kind: 'createClone',
    cloneId: parseId(cloneId, 'clone_id'),
    snapshotId: parseId(snapshotId, 'snapshot_id'),
    origin: parseOrigin(origin),
    ...(baseSnapshotId === ''
      ? {}
      : { baseSnapshotId: parseId(baseSnapshotId, 'base_snapshot_id') }),
  }
}

function parseCut({ groupId, members }: CreateCutRequest__Output): PoolOrder {
  if (members.length === 0 || members.length > cutMembersMax) {
    throw invalidArgument(
      'members',
      `a cut has 1 to ${cutMembersMax} members, not ${members.length}`,
    )
  }
  return {
    kind: 'cut',
    groupId: parseId(groupId, 'group_id'),
    members: members.map(({ volumeId, snapshotId }, index) => ({
      volumeId: parseId(volumeId, `members[${index}].volume_id`),
      snapshotId: parseId(snapshotId, `members[${index}].snapshot_id`),
    })),
  }
}

function parseGrace(graceMs: number): number {
  if (graceMs >= 0 && graceMs <= graceMsMax) return graceMs
  throw invalidArgument('grace_milliseconds', `${graceMs} is not within 0 to ${graceMsMax}`)
}

function parseRoot(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text
  throw invalidArgument('root_hex', 'root_hex must be 64 lower-case hexadecimal digits')
}

function encodeAnswer({ revision, cuts }: OrderAnswer) {
  return {
    revision: encodeRevision(revision),
    cuts: cuts.map((cut) => ({
      snapshotId: cut.snapshotId,
      volumeId: cut.volumeId,
      epoch: cut.epoch,
      bytes: String(cut.bytes),
      capturedNanoseconds: String(cut.capturedNs),
    })),
  }
}

function encodeStats(stats: PoolStats, cutPausesNs: readonly number[]) {
  return {
    capacityBytes: String(stats.capacityBytes),
    freeBytes: String(stats.freeBytes),
    mappedBytes: String(stats.mappedBytes),
    checkpointGeneration: String(stats.checkpointGeneration),
    journalUsedBytes: String(stats.journalUsedBytes),
    readOnly: stats.readOnly,
    cutPauseNanoseconds: cutPausesNs.map(String),
  }
}
