// A zone node on a real pool, a pool that snapshots come from, and a region's store between them, in
// this process: what daemons carry over gRPC goes from channel to channel here.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'

import { systemClock } from '../../src/base/clock.js'
import { AshlarError } from '../../src/base/error.js'
import type { PullOpen, PullOutcome, Puller, Receive } from '../../src/engine/puller.js'
import { Hydration } from '../../src/engine/zone/hydration.js'
import { ZoneNode } from '../../src/engine/zone/zone-node.js'
import type { ZoneEvent } from '../../src/engine/zone-control.js'
import {
  type ChannelHandle,
  type PoolHandle,
  type PoolOrder,
  type PoolRecords,
  type StoreHandle,
  native,
} from '../../src/native/binding.js'
import { must } from './tools.js'

export const anId = (): string => `r001-${randomUUID()}`

export interface Stored {
  readonly snapshotId: string
  readonly manifest: Buffer
  readonly rootHex: string
}

async function carry(source: ChannelHandle, receiver: ChannelHandle): Promise<void> {
  const toSource = async () => {
    for (;;) {
      const frames = await native().take(receiver)
      if (frames === null) return
      await native().give(source, frames)
    }
  }
  const toReceiver = async () => {
    for (;;) {
      const frames = await native().take(source)
      if (frames === null) return
      await native().give(receiver, frames)
    }
  }
  const incoming = toReceiver()
  incoming.catch(() => undefined)
  try {
    await Promise.race([toSource(), incoming.then(() => new Promise<void>(() => undefined))])
  } finally {
    native().closeChannel(source)
    await incoming.catch(() => undefined)
  }
}

/** The region: it can be away, and it remembers what was pulled. */
export class StorePuller implements Puller {
  away = false
  readonly manifests = new Map<string, Buffer>()
  readonly pulls: PullOpen[] = []

  constructor(readonly store: StoreHandle) {}

  async pull(receive: Receive, open: PullOpen, signal: AbortSignal): Promise<PullOutcome> {
    if (this.away) throw new AshlarError('REMOTE_UNAVAILABLE', 'the region is away')
    const manifest = this.manifests.get(open.snapshotId)
    if (manifest === undefined) throw new AshlarError('SNAPSHOT_NOT_FOUND', open.snapshotId)
    this.pulls.push(open)
    const source = await native().openSnapshotSource(this.store, { manifest })
    const cancel = () => native().closeChannel(source)
    signal.addEventListener('abort', cancel, { once: true })
    try {
      const opened = { volumeBytes: manifest.readBigUInt64LE(24), manifest, baseAgreed: false }
      await carry(source, await receive(opened))
      return { kind: 'complete' }
    } finally {
      signal.removeEventListener('abort', cancel)
      cancel()
    }
  }
}

export class TwoPools {
  readonly folder = mkdtempSync(join(tmpdir(), 'ash-'))
  readonly attachmentId = anId()
  readonly sourceVolumeId = anId()
  source!: PoolHandle
  far!: PoolHandle
  node!: ZoneNode
  region!: StorePuller
  store!: StoreHandle

  static async start(volumeBytes: bigint): Promise<TwoPools> {
    const pools = new TwoPools()
    const open = { path: join(pools.folder, 'source'), capacityBytes: 1n << 30n }
    pools.source = await native().openPool(open)
    pools.store = await native().openStore(join(pools.folder, 'store'), {
      catalogUuid: randomUUID(),
    })
    pools.region = new StorePuller(pools.store)
    await native().startNbd(pools.source, { unixPath: join(pools.folder, 'nbd') })
    const { sourceVolumeId: volumeId, attachmentId } = pools
    const order = (each: PoolOrder) => native().order(pools.source, each)
    await order({ kind: 'createVolume', volumeId, bytes: volumeBytes })
    await order({ kind: 'attach', attachmentId, volumeId, host: 'a', readOnly: false })
    await pools.startNode()
    return pools
  }

  async startNode(): Promise<void> {
    const log = pino({ level: 'silent' })
    const path = join(this.folder, 'far')
    this.far = await native().openPool({ path, capacityBytes: 1n << 30n })
    const pullers = { demand: this.region, background: this.region }
    const shared = { native: native(), pool: this.far, clock: systemClock, log }
    this.node = new ZoneNode({
      ...shared,
      node: { name: 'far', zone: 'z', region: 'local', nbdUnixPath: '', nbdTcpAddress: '' },
      newBootId: randomUUID,
      hydration: new Hydration({ ...shared, site: 'far', pullers }),
      poolSetting: () => ({ poolFile: path, poolCapacityBytes: undefined }),
    })
    this.node.start()
  }

  async stopNode(): Promise<void> {
    await this.node.stop()
    await native().closePool(this.far)
  }

  async qemuIo(...commands: readonly string[]): Promise<void> {
    const uri = `nbd+unix:///${this.attachmentId}?socket=${join(this.folder, 'nbd')}`
    await must('qemu-io', ['-f', 'raw', ...commands.flatMap((each) => ['-c', each]), uri])
  }

  /** A cut of the source, stored in the region. */
  async snapshot(): Promise<Stored> {
    const snapshotId = anId()
    const { sourceVolumeId: volumeId } = this
    const members = [{ volumeId, snapshotId }]
    await native().order(this.source, { kind: 'cut', groupId: anId(), members })
    const { channel, volumeBytes } = await native().openCutSource(this.source, { snapshotId })
    const ingest = await native().openIngest(this.store, { volumeBytes, listIsDelta: false })
    await carry(channel, ingest)
    const { manifest, rootHex } = await native().finishIngest(ingest)
    native().closeChannel(ingest)
    this.region.manifests.set(snapshotId, manifest)
    return { snapshotId, manifest, rootHex }
  }

  originOf({ snapshotId, manifest }: Stored) {
    return { snapshotId, manifest, pinId: anId() }
  }

  async order(order: PoolOrder): Promise<void> {
    await this.node.order(order, new AbortController().signal)
  }

  get records(): PoolRecords {
    return native().records(this.far)
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let tries = 0; tries < 3000; tries++) {
      if (holds()) return
      await sleep(10)
    }
    throw new Error(`never: ${what}\n${JSON.stringify(this.records, bigints)}`)
  }

  /** Events of a watch, until one satisfies. */
  async watchUntil(wanted: (event: ZoneEvent) => boolean): Promise<readonly ZoneEvent[]> {
    const stop = new AbortController()
    const seen: ZoneEvent[] = []
    for await (const event of this.node.watch('local', stop.signal)) {
      seen.push(event)
      if (wanted(event)) break
    }
    return seen
  }

  /** The root of a cut of the far pool, computed anew from what it reads. */
  async rootOf(snapshotId: string): Promise<string> {
    const { channel, volumeBytes } = await native().openCutSource(this.far, { snapshotId })
    const ingest = await native().openIngest(this.store, { volumeBytes, listIsDelta: false })
    await carry(channel, ingest)
    const { rootHex } = await native().finishIngest(ingest)
    native().closeChannel(ingest)
    return rootHex
  }

  async remove(): Promise<void> {
    await this.stopNode()
    await native().closePool(this.source)
    await native().closeStore(this.store)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value
