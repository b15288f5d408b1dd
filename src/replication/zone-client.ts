// A node's zone API as a region calls it: ZoneControl over gRPC.

import { Client } from '@grpc/grpc-js'

import { assertNever } from '../base/assert-never.js'
import { limits } from '../base/limits.js'
import { type Peer, type UnaryCalls, serverStream, unaryCalls } from '../client/calls.js'
import type { SiteCredentials } from '../client/site-credentials.js'
import type {
  NodeRecords,
  OrderAnswer,
  PoolGrowth,
  ZoneControl,
  ZoneEvent,
} from '../engine/zone-control.js'
import type { Cut__Output } from '../gen/ashlar/zone/v1/Cut.js'
import type { Revision__Output } from '../gen/ashlar/zone/v1/Revision.js'
import type { ZoneServiceDefinition } from '../gen/ashlar/zone/v1/ZoneService.js'
import { zoneService } from '../gen/proto.js'
import type { PoolOrder } from '../native/binding.js'
import { decodeAnswer, decodeEvent } from './zone-codec.js'

type Order<Kind extends PoolOrder['kind']> = Extract<PoolOrder, { readonly kind: Kind }>

const channelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  // A node that comes back is found at once: the link's own backoff decides when to try.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
}

/** The link's own limit applies; this one is only above all of them. */
const orderDeadlineMs = 60_000
/** 64 TiB at what a slow disk gives beside its guests is more; such a volume is not audited. */
const auditDeadlineMs = 12 * 3600 * 1000

export interface ZoneClientOptions {
  /** Of the node that must be there. */
  readonly name: string
  readonly address: string
  readonly credentials: SiteCredentials
}

export class ZoneClient implements ZoneControl {
  readonly #grpc: Client
  readonly #peer: Peer
  readonly #calls: UnaryCalls<ZoneServiceDefinition>

  constructor({ name, address, credentials }: ZoneClientOptions) {
    const channel = credentials.channelTo(name)
    const options = { ...channelOptions, ...channel.options }
    this.#grpc = new Client(address, channel.credentials, options)
    this.#peer = { grpc: this.#grpc, name: `node ${name} at ${address}` }
    this.#calls = unaryCalls<ZoneServiceDefinition>(this.#peer, zoneService)
  }

  async order(order: PoolOrder, signal: AbortSignal): Promise<OrderAnswer> {
    const options = { signal, deadlineMs: orderDeadlineMs }
    const calls = this.#calls
    switch (order.kind) {
      case 'createVolume':
        return answer(await calls.createVolume(createVolumeRequest(order), options))
      case 'growVolume': {
        const { volumeId, bytes } = order
        return answer(await calls.growVolume({ volumeId, bytes: String(bytes) }, options))
      }
      case 'deleteVolume':
        return answer(await calls.deleteVolume({ volumeId: order.volumeId }, options))
      case 'attach': {
        const { attachmentId, volumeId, host, readOnly } = order
        const request = { attachmentId, volumeId, host, readOnly }
        return answer(await calls.createAttachment(request, options))
      }
      case 'detach': {
        const { attachmentId, graceMs: graceMilliseconds } = order
        return answer(await calls.deleteAttachment({ attachmentId, graceMilliseconds }, options))
      }
      case 'cut': {
        const members = order.members.map((member) => ({ ...member }))
        const made = await calls.createCut({ groupId: order.groupId, members }, options)
        return decodeAnswer(made.revision, made.cuts.map(decodeCut))
      }
      case 'sealed': {
        const { snapshotId, rootHex } = order
        return answer(await calls.sealedCut({ snapshotId, rootHex }, options))
      }
      case 'dropCut':
        return answer(await calls.dropCut({ snapshotId: order.snapshotId }, options))
      case 'createClone':
        return answer(await calls.createClone(createCloneRequest(order), options))
      case 'deleteClone':
        return answer(await calls.deleteClone({ cloneId: order.cloneId }, options))
      case 'forgetTombstone':
        return answer(await calls.forgetTombstone({ id: order.id }, options))
      default:
        return assertNever(order)
    }
  }

  async audit(snapshotId: string, signal: AbortSignal): Promise<string> {
    const options = { signal, deadlineMs: auditDeadlineMs }
    return (await this.#calls.auditCut({ snapshotId }, options)).rootHex
  }

  async growPool(signal: AbortSignal): Promise<PoolGrowth> {
    const options = { signal, deadlineMs: orderDeadlineMs }
    const { capacityBytes, capacityBeforeBytes } = await this.#calls.growPool({}, options)
    return {
      capacityBytes: BigInt(capacityBytes),
      capacityBeforeBytes: BigInt(capacityBeforeBytes),
    }
  }

  async *watch(region: string, signal: AbortSignal): AsyncGenerator<ZoneEvent, void, undefined> {
    const request = { region, changes: true }
    const messages = serverStream(this.#peer, zoneService.Watch, request, signal)
    let records: NodeRecords | undefined
    for await (const message of messages) {
      const event = decodeEvent(message, records)
      if (event?.kind === 'records') records = event.records
      if (event !== undefined) yield event
    }
  }

  close(): void {
    this.#grpc.close()
  }
}

function createVolumeRequest(order: Order<'createVolume'>) {
  const { volumeId, bytes, cutSnapshotId, origin } = order
  return {
    volumeId,
    bytes: String(bytes),
    ...(cutSnapshotId === undefined ? {} : { cutSnapshotId }),
    ...(origin === undefined ? {} : { origin: { ...origin } }),
  }
}

function createCloneRequest(order: Order<'createClone'>) {
  const { cloneId, snapshotId, origin, baseSnapshotId = '' } = order
  return { cloneId, snapshotId, origin: { ...origin }, baseSnapshotId }
}

function answer(response: { readonly revision: Revision__Output | null }): OrderAnswer {
  return decodeAnswer(response.revision)
}

function decodeCut(cut: Cut__Output): OrderAnswer['cuts'][number] {
  return {
    snapshotId: cut.snapshotId,
    volumeId: cut.volumeId,
    epoch: Number(cut.epoch),
    bytes: BigInt(cut.bytes),
    capturedNs: BigInt(cut.capturedNanoseconds),
  }
}
