// What tests of whole methods stand on: a region with a volume and a snapshot to make others from, and
// helpers that go on through restarts as a careful caller does.

import { setTimeout as sleep } from 'node:timers/promises'

import { expect } from 'vitest'

import { asAshlarError } from '../../../src/base/error.js'
import { Client } from '../../../src/client/client.js'
import { waitForClone } from '../../../src/client/wait.js'
import type { Attachment__Output as Attachment } from '../../../src/gen/ashlar/v1/Attachment.js'
import { MiB, Objects, ZoneApi, newRequestId } from '../api.js'
import { must } from '../tools.js'
import type { World } from '../world.js'

/** What a caller repeats a call after. */
export const passing = new Set(['REMOTE_UNAVAILABLE', 'DEADLINE', 'SHUTTING_DOWN'])

/** As a careful caller does: again while the other side is away, and only then. */
export async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (thrown) {
      if (!passing.has(asAshlarError(thrown).code)) throw thrown
      await sleep(50)
    }
  }
}

/** What trials leave: names of objects. */
export interface Leaves {
  readonly volumes?: readonly string[]
  readonly snapshots?: readonly string[]
  readonly attached?: readonly string[]
}

export class Ground {
  readonly world: World
  readonly client: Client
  readonly objects: Objects
  /** By zone. */
  readonly nodes: ReadonlyMap<string, ZoneApi>
  /** Volumes that are always there: the one is what others are made from; the other is cut again and again. */
  readonly kept: readonly string[] = ['base', 'subject']
  #root = ''
  #made = 0

  private constructor(world: World, zones: readonly string[]) {
    this.world = world
    this.client = new Client(world.endpoint)
    this.objects = new Objects(this.client)
    this.nodes = new Map(zones.map((zone) => [zone, new ZoneApi(world.zoneEndpoint(zone))]))
  }

  /** The content is in the first zone. Ensures: volumes `base` and `subject`, and stable `base-cut`. */
  static async begin(world: World, zones: readonly string[]): Promise<Ground> {
    const ground = new Ground(world, zones)
    const { client, objects } = ground
    for (const name of ground.kept) {
      const zone = zones[0] ?? ''
      await client.volumes.createVolume({ name, zone, capacityBytes: String(4n * MiB) })
      const { id, nbdUnixUri } = await ground.attach(name)
      const wrote = ['-c', 'write -P 0x11 0 1M', '-c', 'write -P 0x22 3M 1M', '-c', 'flush']
      await must('qemu-io', ['-f', 'raw', ...wrote, nbdUnixUri])
      await client.attachments.deleteAttachment({ attachment: id })
    }
    await client.snapshots.createSnapshot({ sourceVolume: 'base', name: 'base-cut' })
    ground.#root = (await objects.stable('base-cut')).root
    return ground
  }

  /** Root of the content that every volume here begins with. */
  get root(): string {
    return this.#root
  }

  async close(): Promise<void> {
    this.client.close()
    for (const node of this.nodes.values()) node.close()
    await this.world.remove()
  }

  newName(what: string): string {
    return `${what}-${++this.#made}`
  }

  /** Also while a node is just being found again. */
  async attach(volume: string): Promise<Attachment> {
    const request = { volume, host: 'host-1', requestId: newRequestId() }
    return await persist(() => this.client.attachments.createAttachment(request))
  }

  async expectContent(uri: string): Promise<void> {
    const reads = ['read -P 0x11 0 1M', 'read -P 0 1M 2M', 'read -P 0x22 3M 1M']
    const steps = reads.flatMap((each) => ['-c', each])
    expect(await must('qemu-io', ['-r', '-f', 'raw', ...steps, uri])).not.toContain('failed')
  }

  /** Attaches it, reads all of it, and detaches it. */
  async expectReadable(volume: string): Promise<void> {
    const { id, nbdUnixUri } = await this.attach(volume)
    await this.expectContent(nbdUnixUri)
    await this.client.attachments.deleteAttachment({ attachment: id })
  }

  /** A volume with the content of all, at no cost. */
  async newVolume(zone = 'local-1'): Promise<string> {
    const name = this.newName('v')
    const request = { name, zone, sourceSnapshot: 'base-cut', requestId: newRequestId() }
    await persist(() => this.client.volumes.createVolume(request))
    return name
  }

  async newSnapshot(sourceVolume = 'subject'): Promise<string> {
    const name = this.newName('s')
    const request = { sourceVolume, name, requestId: newRequestId() }
    await persist(() => this.client.snapshots.createSnapshot(request))
    return name
  }

  /** A stable snapshot that has a clone in this zone. */
  async newClone(zone: string): Promise<string> {
    const snapshot = await this.newSnapshot()
    await this.objects.stable(snapshot)
    const request = { snapshot, zone, requestId: newRequestId() }
    await persist(() => this.client.snapshots.createSnapshotClone(request))
    await waitForClone(this.client, { snapshot, zone })
    return snapshot
  }

  /** What all of these trials leave, as the region lists it. */
  async expectLeft(trials: readonly { readonly leaves: Leaves }[]): Promise<void> {
    const all = (what: keyof Leaves) => trials.flatMap(({ leaves }) => leaves[what] ?? [])
    const { objects } = this
    const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)
    expect(names(await objects.volumes()).sort()).toEqual([...this.kept, ...all('volumes')].sort())
    const snapshots = ['base-cut', ...all('snapshots')]
    expect(names(await objects.snapshots()).sort()).toEqual(snapshots.sort())
    const attached = (await objects.attachments()).map(({ volume }) => volume?.name ?? '')
    expect(attached.sort()).toEqual([...all('attached')].sort())
  }

  /** Deletes all but the base; then no node may have anything else either. */
  async expectNothingLeftOver(): Promise<void> {
    const { client, objects } = this
    const each = async <Found>(found: readonly Found[], remove: (one: Found) => Promise<unknown>) =>
      await Promise.all(found.map(remove))
    await each(await objects.attachments(), ({ id }) =>
      client.attachments.deleteAttachment({ attachment: id }),
    )
    await each(
      (await objects.snapshots()).filter(({ name }) => name !== 'base-cut'),
      ({ id }) => client.snapshots.deleteSnapshot({ snapshot: id }),
    )
    await each(
      (await objects.volumes()).filter(({ name }) => !this.kept.includes(name)),
      ({ id }) => client.volumes.deleteVolume({ volume: id }),
    )
    await this.expectLeft([])
    const ids = (await objects.volumes()).map(({ id }) => id).sort()
    const cut = await client.snapshots.getSnapshot({ snapshot: 'base-cut' })
    const isLeft = async () => {
      for (const [zone, node] of this.nodes) {
        const { volumes, cuts, attachments, clones, tombstones } = await node.records()
        const found = volumes.map(({ volumeId }) => volumeId).sort()
        expect(found).toEqual(zone === 'local-1' ? ids : [])
        const others = cuts.filter(({ hidden, snapshotId }) => !hidden && snapshotId !== cut.id)
        expect([others, attachments, clones, tombstones]).toEqual([[], [], [], []])
      }
      return true
    }
    await this.world.until('the nodes have the two volumes and nothing else', isLeft, 60_000)
  }
}
