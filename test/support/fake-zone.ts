// A zone node without a pool, for tests of the region's engine: the records and the rules of
// PoolOrder in memory, and ways to go wrong on purpose.

import { AshlarError } from '../../src/base/error.js'
import type {
  NodeRecords,
  OrderAnswer,
  PoolGrowth,
  ZoneControl,
  ZoneEvent,
} from '../../src/engine/zone-control.js'
import type { PoolOrder } from '../../src/native/binding.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type VolumeRecord = Mutable<NodeRecords['volumes'][number]>
type CutRecord = Mutable<NodeRecords['cuts'][number]>
type AttachmentRecord = Mutable<NodeRecords['attachments'][number]>
type Origin = Extract<PoolOrder, { kind: 'createClone' }>['origin']

export class FakeZone implements ZoneControl {
  readonly orders: PoolOrder[] = []
  readonly volumes = new Map<string, VolumeRecord>()
  readonly cuts = new Map<string, CutRecord>()
  readonly attachments = new Map<string, AttachmentRecord>()
  /** Snapshot ids by pin. */
  readonly origins = new Map<string, string>()
  /** Of origins, by snapshot. */
  readonly manifests = new Map<string, Buffer>()
  readonly tombstones = new Map<string, NodeRecords['tombstones'][number]['kind']>()
  /** By id; the test says when one is available. */
  readonly clones = new Map<string, Mutable<NodeRecords['clones'][number]>>()
  /** Set: every call fails with it, and watches end. */
  away: AshlarError | undefined
  /** Called before an order is carried out; what it throws is the answer. */
  before: (order: PoolOrder) => Promise<void> | void = () => undefined
  /** Called when an order is durable but not answered. */
  after: (order: PoolOrder) => Promise<void> | void = () => undefined
  /** What reading a whole cut finds, given what it was sealed with. */
  auditRoot: (sealed: string) => Promise<string> | string = (sealed) => sealed
  /** What its configuration says when it is asked to grow. */
  poolSetting: () => bigint = () => 1n << 41n
  /** Records come before the answer of an order, and not after it. */
  recordsFirst = false
  bootId = 'boot-1'
  /** As it was opened by this boot, and as it is. */
  pool = { id: '', opened: 1n, generation: 2n }
  revision = 0
  capacityBytes = 1n << 40n
  capturedNs = 1_700_000_000_000_000_000n
  readonly #epochs = new Map<string, number>()
  readonly #wakes = new Set<() => void>()
  readonly #name: string
  readonly #zone: string

  constructor(name: string, zone: string) {
    this.#name = name
    this.pool.id = `pool-of-${name}`
    this.#zone = zone
  }

  goAway(): void {
    this.away = new AshlarError('REMOTE_UNAVAILABLE', 'cannot be reached')
    this.changed()
  }

  comeBack(): void {
    this.away = undefined
    this.bootId = `boot-${Number(this.bootId.slice(5)) + 1}`
    this.revision = 0
    const { id, generation } = this.pool
    this.pool = { id, opened: generation, generation: generation + 1n }
  }

  changed(): void {
    for (const wake of this.#wakes) wake()
  }

  async order(order: PoolOrder, signal: AbortSignal): Promise<OrderAnswer> {
    if (this.away !== undefined) throw this.away
    this.orders.push(order)
    await abortable(Promise.resolve(this.before(order)), signal)
    this.#carryOut(order)
    this.revision++
    if (this.recordsFirst) this.changed()
    await abortable(Promise.resolve(this.after(order)), signal)
    if (!this.recordsFirst) this.changed()
    const cuts =
      order.kind === 'cut' ? order.members.map((member) => this.#cutOf(member.snapshotId)) : []
    return { revision: this.#revision(), cuts }
  }

  async audit(snapshotId: string): Promise<string> {
    if (this.away !== undefined) throw this.away
    return await this.auditRoot(this.#cutOf(snapshotId).rootHex ?? '')
  }

  async growPool(): Promise<PoolGrowth> {
    if (this.away !== undefined) throw this.away
    const capacityBeforeBytes = this.capacityBytes
    this.capacityBytes = this.poolSetting()
    this.changed()
    return { capacityBytes: this.capacityBytes, capacityBeforeBytes }
  }

  async *watch(_region: string, signal: AbortSignal): AsyncGenerator<ZoneEvent, void, undefined> {
    let wake = () => undefined as void
    const onChange = () => wake()
    this.#wakes.add(onChange)
    try {
      while (!signal.aborted) {
        if (this.away !== undefined) throw this.away
        const next = new Promise<void>((resolve) => {
          wake = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        yield { kind: 'records', records: this.records() }
        await next
      }
    } finally {
      this.#wakes.delete(onChange)
    }
  }

  /** Everything that clones of this snapshot lack has arrived. */
  finishClones(snapshotId: string): void {
    for (const clone of this.clones.values()) {
      if (clone.snapshotId === snapshotId) clone.available = true
    }
    const { capturedNs } = this
    const state = { hidden: false, sealed: true }
    this.cuts.set(snapshotId, { snapshotId, epoch: 1, bytes: 1n << 26n, capturedNs, ...state })
    for (const [pinId, origin] of this.origins) {
      if (origin === snapshotId) this.origins.delete(pinId)
    }
    this.revision++
    this.changed()
  }

  records(): NodeRecords {
    return {
      revision: this.#revision(),
      node: {
        name: this.#name,
        zone: this.#zone,
        region: 'local',
        nbdUnixPath: `/run/${this.#name}.nbd`,
        nbdTcpAddress: '',
        capacityBytes: this.capacityBytes,
        freeBytes: 1n << 39n,
        readOnly: false,
        poolId: this.pool.id,
        poolGeneration: this.pool.generation,
        poolOpenedGeneration: this.pool.opened,
      },
      volumes: [...this.volumes.values()].map((volume) => ({ ...volume })),
      cuts: [...this.cuts.values()].map((cut) => ({ ...cut })),
      origins: [...this.origins].map(([pinId, snapshotId]) => {
        return { pinId, snapshotId, manifest: this.manifests.get(snapshotId) ?? Buffer.alloc(0) }
      }),
      attachments: [...this.attachments.values()].map((attachment) => ({ ...attachment })),
      tombstones: [...this.tombstones].map(([id, kind]) => ({ id, kind })),
      clones: [...this.clones.values()].map((clone) => ({ ...clone })),
    }
  }

  #revision() {
    return { bootId: this.bootId, number: this.revision }
  }

  #cutOf(snapshotId: string) {
    const cut = this.cuts.get(snapshotId)
    if (cut === undefined) throw new Error(`no cut ${snapshotId}`)
    return { ...cut, volumeId: cut.volumeId ?? '' }
  }

  #carryOut(order: PoolOrder): void {
    switch (order.kind) {
      case 'createVolume':
        return this.#createVolume(order)
      case 'growVolume':
        this.#volume(order.volumeId).bytes = order.bytes
        return
      case 'deleteVolume':
        this.volumes.delete(order.volumeId)
        this.tombstones.set(order.volumeId, 'volume')
        return
      case 'attach': {
        const { attachmentId, volumeId, host, readOnly } = order
        this.#refuseTombstone(attachmentId)
        this.#volume(volumeId)
        const record = { attachmentId, volumeId, host, readOnly, detaching: false, connections: 0 }
        this.attachments.set(attachmentId, record)
        return
      }
      case 'detach':
        this.attachments.delete(order.attachmentId)
        this.tombstones.set(order.attachmentId, 'attachment')
        return
      case 'cut':
        for (const member of order.members) this.#cut(member)
        return
      case 'sealed': {
        const cut = this.cuts.get(order.snapshotId)
        if (cut === undefined) throw new AshlarError('SNAPSHOT_NOT_FOUND', 'no such cut')
        cut.sealed = true
        cut.rootHex = order.rootHex
        return
      }
      case 'dropCut':
        this.cuts.delete(order.snapshotId)
        this.tombstones.set(order.snapshotId, 'cut')
        return
      case 'createClone': {
        const { cloneId, snapshotId, origin } = order
        this.#refuseTombstone(cloneId)
        if (this.clones.has(cloneId)) return
        const held = this.cuts.has(snapshotId)
        this.clones.set(cloneId, { cloneId, snapshotId, available: held })
        if (!held) this.#needs(origin)
        return
      }
      case 'deleteClone':
        this.clones.delete(order.cloneId)
        this.tombstones.set(order.cloneId, 'clone')
        return
      case 'forgetTombstone':
        this.tombstones.delete(order.id)
        return
    }
  }

  #createVolume(order: Extract<PoolOrder, { kind: 'createVolume' }>): void {
    this.#refuseTombstone(order.volumeId)
    const { volumeId, bytes, cutSnapshotId, origin } = order
    if (cutSnapshotId !== undefined && !this.cuts.has(cutSnapshotId)) {
      throw new AshlarError('SNAPSHOT_NOT_FOUND', 'no such cut')
    }
    const hydrated = origin === undefined
    this.volumes.set(volumeId, {
      volumeId,
      bytes,
      hydrated,
      ...(origin === undefined ? {} : { originSnapshotId: origin.snapshotId }),
    })
    if (origin !== undefined) this.#needs(origin)
  }

  #needs({ pinId, snapshotId, manifest }: Origin): void {
    this.origins.set(pinId, snapshotId)
    this.manifests.set(snapshotId, manifest)
  }

  #cut({ volumeId, snapshotId }: { readonly volumeId: string; readonly snapshotId: string }): void {
    this.#refuseTombstone(snapshotId)
    if (this.cuts.has(snapshotId)) return
    const { bytes } = this.#volume(volumeId)
    const { capturedNs } = this
    const state = { hidden: false, sealed: false }
    const epoch = (this.#epochs.get(volumeId) ?? 0) + 1
    this.#epochs.set(volumeId, epoch)
    this.cuts.set(snapshotId, { snapshotId, volumeId, epoch, bytes, capturedNs, ...state })
  }

  #volume(volumeId: string): VolumeRecord {
    const volume = this.volumes.get(volumeId)
    if (volume === undefined) throw new AshlarError('VOLUME_NOT_FOUND', 'no such volume')
    return volume
  }

  #refuseTombstone(id: string): void {
    if (this.tombstones.has(id)) throw new AshlarError('TOMBSTONE', `${id} was deleted before`)
  }
}

async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return await Promise.race([
    work,
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    }),
  ])
}
