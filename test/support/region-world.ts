// A region's engine with a real catalog on disk, and fakes for its nodes and its store. `restart`
// drops the engine without any goodbye, as a kill does, and starts another on the same catalog.

import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Clock, systemClock } from '../../src/base/clock.js'
import { makeId } from '../../src/base/ids.js'
import { makeLogger } from '../../src/base/logger.js'
import { Catalog } from '../../src/catalog/catalog.js'
import type { PullOpen, Puller } from '../../src/engine/puller.js'
import { LazyStore } from '../../src/engine/region/core/lazy-store.js'
import type { CreateSnapshot, CreateVolume } from '../../src/engine/region/core/specs.js'
import { Region, type RegionPeer } from '../../src/engine/region/region.js'
import { FakeStore } from './fake-store.js'
import { FakeZone } from './fake-zone.js'

export interface RegionWorldOptions {
  readonly name: string
  readonly number: number
  readonly peers: readonly RegionPeer[]
  /** The engine's. */
  readonly clock: Clock
}

/** The time of day, with waits that are so many times shorter. */
export const hurriedClock = (times: number): Clock => ({
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() * times,
  sleep: async (ms, signal) => await systemClock.sleep(ms / times, signal),
})

export class RegionWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'ash-'))
  readonly zones: Readonly<Record<'a' | 'b', FakeZone>> = {
    a: new FakeZone('node-a', 'zone-a'),
    b: new FakeZone('node-b', 'zone-b'),
  }
  readonly store = new FakeStore()
  /** What was asked of nodes, in order. */
  readonly pulls: PullOpen[] = []
  /** What pulling a snapshot does once the source has opened. */
  pull: Puller['pull'] = async () => ({ kind: 'complete' })
  /** Whether the node agrees to the base it is offered. */
  agrees: (open: PullOpen) => boolean = ({ baseSnapshotId }) => baseSnapshotId !== undefined
  readonly #options: RegionWorldOptions
  #region: Region | undefined
  #catalog: Catalog | undefined

  private constructor(options: RegionWorldOptions) {
    this.#options = options
  }

  static async start({
    name = 'local',
    number = 1,
    peers = [],
    clock = systemClock,
  }: Partial<RegionWorldOptions> = {}): Promise<RegionWorld> {
    const world = new RegionWorld({ name, number, peers, clock })
    await world.#start()
    return world
  }

  get region(): Region {
    if (this.#region === undefined) throw new Error('the region is not running')
    return this.#region
  }

  get catalog(): Catalog {
    if (this.#catalog === undefined) throw new Error('the region is not running')
    return this.#catalog
  }

  async restart(between: () => unknown = () => undefined): Promise<void> {
    await this.stop()
    await between()
    await this.#start()
  }

  /** As `restart`, but does not wait for the nodes. */
  async restartAlone(between: () => unknown = () => undefined): Promise<void> {
    await this.stop()
    await between()
    await this.#begin()
  }

  /** Like a kill in the middle of a native call: the old engine hangs on without its catalog. */
  async restartHard(): Promise<void> {
    void this.#region?.stop()
    await this.#catalog?.close()
    await this.#start()
  }

  async stop(): Promise<void> {
    await this.#region?.stop()
    await this.#catalog?.close()
    this.#region = undefined
    this.#catalog = undefined
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Waits until `look` answers something. */
  async until<T>(look: () => Promise<T | undefined> | T | undefined, what = 'it'): Promise<T> {
    const end = systemClock.monotonicMs() + 10_000
    for (;;) {
      const found = await look()
      if (found !== undefined && found !== false) return found
      if (systemClock.monotonicMs() > end) throw new Error(`${what} did not happen`)
      await systemClock.sleep(5)
    }
  }

  async #start(): Promise<void> {
    await this.#begin()
    const links = [...this.region.context.links.values()]
    const zones = Object.values(this.zones)
    await this.until(
      () =>
        links.every(({ state }, index) => state.kind === 'here' || zones[index]?.away) || undefined,
      'the nodes to be here',
    )
  }

  async #begin(): Promise<void> {
    const { name, number, peers, clock } = this.#options
    this.store.restart()
    // Only its presence is looked at.
    mkdirSync(join(this.folder, 'store'), { recursive: true })
    const catalog = await Catalog.open({
      path: join(this.folder, 'catalog.db'),
      region: { name, number },
      newUuid: randomUUID,
    })
    const native = this.store.binding
    const puller: Puller = {
      pull: async (receive, open, signal) => {
        this.pulls.push(open)
        const cuts = [this.zones.a, this.zones.b].map(({ cuts }) => cuts.get(open.snapshotId))
        const volumeBytes = cuts.find((cut) => cut !== undefined)?.bytes ?? 64n << 20n
        await receive({ volumeBytes, manifest: undefined, baseAgreed: this.agrees(open) })
        return await this.pull(receive, open, signal)
      },
    }
    this.#catalog = catalog
    this.#region = new Region({
      account: 'local',
      region: { name, number },
      endpoint: '127.0.0.1:7440',
      nodes: [
        { name: 'node-a', zone: 'zone-a', control: this.zones.a, puller },
        { name: 'node-b', zone: 'zone-b', control: this.zones.b, puller },
      ],
      peers,
      isReachable: async () => false,
      catalog,
      native,
      store: new LazyStore({
        native,
        path: join(this.folder, 'store'),
        catalogUuid: catalog.uuid,
      }),
      clock,
      log: makeLogger({ name: 'test', level: 'silent' }),
      newId: () => makeId(number),
    })
    await this.#region.start()
  }
}

export function volumeSpec(change: Partial<CreateVolume> = {}): CreateVolume {
  return {
    name: '',
    zone: 'zone-a',
    capacityBytes: 64n << 20n,
    sourceSnapshot: undefined,
    userTags: [],
    resourceGroup: 'default',
    operatingSystem: undefined,
    sourceImage: undefined,
    requestId: '',
    ...change,
  }
}

export function snapshotSpec(
  change: Partial<CreateSnapshot> & Pick<CreateSnapshot, 'sourceVolume'>,
): CreateSnapshot {
  return {
    name: '',
    cloneZones: [],
    userTags: [],
    resourceGroup: 'default',
    requestId: '',
    ...change,
  }
}
