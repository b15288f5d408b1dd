// A region with two zones whose wires can be cut, a volume that changes, and what must be true of it all
// when it has come to rest: every snapshot has its bytes, and nothing is left over.

import { randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import Database from 'better-sqlite3'
import { expect } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import { Client } from '../../src/client/client.js'
import type { Snapshot__Output as Snapshot } from '../../src/gen/ashlar/v1/Snapshot.js'
import { native } from '../../src/native/binding.js'
import { Objects, ZoneApi, newRequestId } from './api.js'
import type { Random } from './random.js'
import { must, run } from './tools.js'
import { World, type WorldOptions } from './world.js'

const MiB = 1 << 20
const block = 4096
const chunk = 16 * block
export const subjectBytes = 8 * MiB
const passing = new Set(['REMOTE_UNAVAILABLE', 'DEADLINE', 'SHUTTING_DOWN'])

/** A snapshot, and a file with the bytes it must have. */
export interface Taken {
  readonly id: string
  readonly name: string
  readonly image: string
  readonly root: string
}

export class WiredRegion {
  readonly world: World
  readonly client: Client
  readonly objects: Objects
  readonly #nodes: ReadonlyMap<string, ZoneApi>
  readonly #random: Random
  #attached = { id: '', uri: '' }
  #names = 0

  private constructor(world: World, random: Random) {
    this.world = world
    this.client = new Client(world.endpoint)
    this.objects = new Objects(this.client)
    this.#nodes = new Map(world.nodes.map((site) => [site, new ZoneApi(world.zoneEndpoint(site))]))
    this.#random = random
  }

  static async start(
    random: Random,
    options: Partial<WorldOptions> & Pick<WorldOptions, 'zones'>,
  ): Promise<WiredRegion> {
    const world = await World.start({ poolCapacity: '512MiB', wired: true, ...options })
    return new WiredRegion(world, random)
  }

  async remove(): Promise<void> {
    this.client.close()
    for (const node of this.#nodes.values()) node.close()
    await this.world.remove()
  }

  newName(what: string): string {
    return `${what}-${++this.#names}`
  }

  /** The volume that is cut again and again, in the first zone; with new content unless some is given. */
  async makeSubject(content?: string): Promise<void> {
    const [zone = ''] = this.world.nodes
    const capacityBytes = String(subjectBytes)
    await persist(async () => {
      return await this.client.volumes.createVolume({ name: 'subject', zone, capacityBytes })
    })
    this.#attached = await this.attach('subject')
    writeFileSync(this.#image, Buffer.alloc(subjectBytes))
    if (content === undefined) await this.rewrite()
    else await this.#write(0, readFileSync(content))
  }

  async deleteSubject(): Promise<void> {
    await this.detach(this.#attached.id)
    await this.deleteVolume('subject')
  }

  /** Nothing stays as it was. */
  async rewrite(): Promise<void> {
    await this.#write(0, randomBytes(5 * MiB))
  }

  get #image(): string {
    return join(this.world.folder, 'subject.raw')
  }

  async #write(offset: number, bytes: Buffer): Promise<void> {
    const file = openSync(this.#image, 'r+')
    writeSync(file, bytes, 0, bytes.length, offset)
    closeSync(file)
    const fresh = join(this.world.folder, 'fresh')
    writeFileSync(fresh, bytes)
    const write = `write -q -s ${fresh} ${offset} ${bytes.length}`
    await must('qemu-io', ['-f', 'raw', '-c', write, '-c', 'flush', this.#attached.uri])
  }

  /** Whole new chunks, a block alone in its chunk, and zeros. */
  async change(): Promise<void> {
    const at = (unit: number, count: number) =>
      unit * Math.floor(this.#random.below(subjectBytes / unit - count))
    await this.#write(at(chunk, 8), randomBytes(8 * chunk))
    await this.#write(at(block, 1), randomBytes(block))
    await this.#write(at(block, 4), Buffer.alloc(4 * block))
  }

  /** The bytes of the subject as they are now, in a file of their own. */
  async imageOf(name: string): Promise<{ readonly image: string; readonly root: string }> {
    const image = join(this.world.folder, `${name}.raw`)
    copyFileSync(this.#image, image)
    return { image, root: (await native().verifyImage(image)).rootHex }
  }

  async take(): Promise<Taken> {
    const name = this.newName('s')
    const { image, root } = await this.imageOf(name)
    const request = { sourceVolume: 'subject', name, requestId: newRequestId() }
    const { id } = await persist(async () => await this.client.snapshots.createSnapshot(request))
    expect((await this.stable(id)).root).toBe(root)
    return { id, name, image, root }
  }

  async stable(id: string): Promise<Snapshot> {
    return await persist(async () => await this.objects.stable(id))
  }

  /** The node knows it too: the last step of a snapshot. */
  async sealed(id: string): Promise<void> {
    const isSealed = async (node: ZoneApi) => {
      const { cuts } = await node.records(this.world.regionName)
      return cuts.some(({ snapshotId, sealed }) => sealed && snapshotId === id)
    }
    const somewhere = async () =>
      (await Promise.all([...this.#nodes.values()].map(isSealed))).includes(true)
    await this.world.until(`the cut of ${id} is sealed`, somewhere, 60_000)
  }

  /** Makes a clone, and waits until it is available. */
  async clone({ id: snapshot }: Taken, zone: string): Promise<void> {
    const { snapshots } = this.client
    const request = { snapshot, zone, requestId: newRequestId() }
    await persist(async () => await snapshots.createSnapshotClone(request))
    const isAvailable = async () => (await snapshots.getSnapshotClone({ snapshot, zone })).available
    await this.world.until('the clone is available', isAvailable, 180_000)
  }

  /** The node gives up what it has of a sealed snapshot, as it may when its pool is tight. */
  async dropCut(site: string, snapshotId: string): Promise<void> {
    await this.#nodes.get(site)?.calls.dropCut({ snapshotId })
  }

  async attach(volume: string): Promise<{ readonly id: string; readonly uri: string }> {
    const request = { volume, host: 'host-1', requestId: newRequestId() }
    const { id, nbdUnixUri } = await persist(
      async () => await this.client.attachments.createAttachment(request),
    )
    return { id, uri: nbdUnixUri }
  }

  async detach(attachment: string): Promise<void> {
    const { attachments } = this.client
    const request = { attachment, requestId: newRequestId() }
    await persist(async () => await attachments.deleteAttachment(request))
    // While its node is away it is only on its way out.
    const isGone = async () => {
      const { attachments: left } = await attachments.listAttachments({})
      return left.every(({ id }) => id !== attachment)
    }
    await this.world.until(`${attachment} is detached`, isGone, 60_000)
  }

  async isEqual(volume: string, image: string): Promise<void> {
    const { id: attachment, uri } = await this.attach(volume)
    await this.expectEqual(uri, image)
    await this.detach(attachment)
  }

  /** Reads all of it, as a guest that connects again when its node was away. */
  async expectEqual(uri: string, image: string): Promise<void> {
    const compare = ['compare', '-f', 'raw', '-F', 'raw', image, uri]
    let said = ''
    const isRead = async () => {
      const { code, stdout, stderr } = await run('qemu-img', compare, 60_000)
      if (code > 1) throw new Error(stderr)
      said = stdout
      return true
    }
    await this.world.until(`${uri} is read`, isRead, 60_000)
    expect(said).toContain('Images are identical')
  }

  async deleteVolume(volume: string): Promise<void> {
    const request = { volume, requestId: newRequestId() }
    await persist(async () => await this.client.volumes.deleteVolume(request))
  }

  async deleteSnapshot(snapshot: string): Promise<void> {
    const request = { snapshot, requestId: newRequestId() }
    await persist(async () => await this.client.snapshots.deleteSnapshot(request))
  }

  /** Reads all of it through a volume in a zone that has nothing of it. */
  async restores({ id, root, image }: Taken, zone: string): Promise<void> {
    expect(await this.stable(id)).toMatchObject({ root, lifecycleReasons: [] })
    const volume = this.newName('v')
    const request = { name: volume, zone, sourceSnapshot: id, requestId: newRequestId() }
    await persist(async () => await this.client.volumes.createVolume(request))
    await this.isEqual(volume, image)
    await this.deleteVolume(volume)
  }

  /** At rest: no job, no pin but `pins`, and on the nodes nothing but what the region knows. */
  async quiet(pins = 0): Promise<void> {
    const isQuiet = async () => {
      const stats = await this.client.operator.getStoreStats({})
      expect(stats).toMatchObject({ problems: [], quarantined: 0 })
      const left: object[] = []
      if (stats.sessions > 0 || stats.pins !== pins) {
        left.push({ sessions: stats.sessions, pins: stats.pins })
      }
      const volumes = new Set((await this.objects.volumes()).map(({ id }) => id))
      const snapshots = new Set((await this.objects.snapshots()).map(({ id }) => id))
      for (const [node, api] of this.#nodes) {
        const records = await api.records(this.world.regionName)
        const extra = [
          ...records.tombstones,
          ...records.volumes.filter(({ volumeId }) => !volumes.has(volumeId)),
          ...records.cuts.filter(({ hidden, snapshotId }) => !hidden && !snapshots.has(snapshotId)),
          ...records.clones.filter(({ snapshotId }) => !snapshots.has(snapshotId)),
          ...records.origins.slice(pins),
        ]
        left.push(...extra.map((record) => ({ node, record })))
      }
      if (left.length > 0) throw new Error(JSON.stringify(left))
      return true
    }
    await this.world.until('it is at rest', isQuiet, 60_000)
  }

  /** Deletes everything; what is left in store, catalog and pools is nothing. */
  async expectNothingLeft(): Promise<void> {
    await this.objects.clear()
    await this.quiet()
    const { after } = await persist(async () => await this.client.operator.collectStore({}))
    expect(after).toMatchObject({ chunks: '0', nodes: '0', pins: 0, sessions: 0 })
    const tables = ['orders', 'peer_orders', 'sessions', 'pins', 'clones', 'copies', 'snapshots']
    // Orders are delivered beside the calls that left them, and nobody else may look while it runs.
    await this.world.until('nothing is owed', async () => {
      await this.world.signal('region', 'SIGKILL')
      const owed = this.#rows([...tables, 'volumes', 'attachments'])
      if (owed.length > 0) await this.world.start('region')
      expect(owed).toEqual([])
      return true
    })
    for (const site of this.world.nodes) await this.world.signal(site, 'SIGKILL')
    expect(
      await this.world.must('store-check', join(this.world.folder, 'region', 'store')),
    ).toContain('sound')
    for (const site of this.world.nodes) {
      const report = await this.world.must('pool-check', join(this.world.folder, site, 'pool'))
      expect(report).toContain('sound')
    }
  }

  #rows(tables: readonly string[]): readonly string[] {
    const path = join(this.world.folder, 'region', 'catalog.db')
    const catalog = new Database(path, { readonly: true })
    try {
      return tables.flatMap((table) =>
        catalog
          .prepare(`SELECT * FROM ${table}`)
          .all()
          .map((row) => `${table}: ${JSON.stringify(row)}`),
      )
    } finally {
      catalog.close()
    }
  }
}

/** As a careful caller does: again while the other side is away, and only then. */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 600; ; left--) {
    try {
      return await call()
    } catch (thrown) {
      if (!passing.has(asAshlarError(thrown).code) || left === 0) throw thrown
      await sleep(50)
    }
  }
}
