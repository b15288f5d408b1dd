// Data of earlier versions: fixtures that their own daemons wrote (test/fixtures, made by
// support/old-world.ts) are opened by today's. Everything that was recorded is there, what was under
// way is finished, and all of it can be written, snapshotted and restored as if it had been made today.
//
// ASHLAR_MAKE_OLD_DATA=<commit> makes the fixtures of the code that is checked out, instead.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import type { Snapshot__Output as Snapshot } from '../../src/gen/ashlar/v1/Snapshot.js'
import { Objects, ZoneApi } from '../support/api.js'
import { readFixture, writeFixture } from '../support/fixture.js'
import {
  type Ending,
  type OldContent,
  OldWorld,
  blockBytes,
  blockOf,
  busyGenerations,
  oldWorlds,
  regionOf,
  sha256,
} from '../support/old-world.js'
import { must } from '../support/tools.js'
import { persist } from '../support/wired-region.js'
import { World, type WorldOptions } from '../support/world.js'

const versions = ['2bf43dd'] as const
const endings = ['stopped', 'killed'] as const satisfies readonly Ending[]
const making = process.env['ASHLAR_MAKE_OLD_DATA']

function makeAnew(version: string): void {
  test.each(endings)(`${version}, %s, is made`, async (ending) => {
    const folder = mkdtempSync(join(tmpdir(), 'ashold-'))
    const scratch = mkdtempSync(join(tmpdir(), 'ashold-'))
    const world = await OldWorld.start(folder, scratch)
    try {
      await world.make()
      const content = await world.end(ending, version)
      expect(content.tombstones).toHaveLength(2)
      writeFixture(`${version}/${ending}`, folder, content)
    } finally {
      await world.remove()
      for (const each of [folder, scratch]) rmSync(each, { recursive: true, force: true })
    }
  })
}

function opensToday(version: string, ending: Ending): void {
  let folder: string
  let content: OldContent
  let here: Region
  let there: Region
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ashold-'))
    content = readFixture<OldContent>(`${version}/${ending}`, folder)
  })
  afterAll(async () => {
    await here?.remove()
    await there?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('its daemons start, and list what was recorded', async () => {
    const [one, two] = oldWorlds(folder)
    here = await Region.start(one)
    // A zone that the data has never heard of, to restore copies in.
    there = await Region.start({ ...two, zones: ['remote-1'] })
    expect(await regionOf(here.world)).toEqual(content.here)
    expect(await regionOf(there.world)).toEqual(content.there)
  })

  test('volumes hold their bytes, whatever they had fetched', async () => {
    const uris = await here.uris()
    for (const [name, sum] of Object.entries(content.volumes)) {
      const bytes = await here.read(uris.get(name) ?? (await here.attach(name)).uri)
      expect([name, sha256(bytes)]).toEqual([name, sum])
    }
    const busy = await here.read(uris.get('busy') ?? '')
    // One guest was killed while it wrote later generations, which no flush had followed.
    const last = ending === 'killed' ? busyGenerations : 1
    const generations = Array.from({ length: last }, (_, index) => index + 1)
    const unknown: number[] = []
    for (let at = 0; at < busy.length / blockBytes; at++) {
      const block = busy.subarray(at * blockBytes, (at + 1) * blockBytes)
      if (!generations.some((each) => block.equals(blockOf('busy', each, at)))) unknown.push(at)
    }
    expect([busy.length, unknown]).toEqual([512 * blockBytes, []])
    await here.whole('half')
  })

  test('snapshots have their roots and bytes, those that were on their way too', async () => {
    for (const [name, { root, sha256: sum }] of Object.entries(content.snapshots)) {
      const [region, zone] = name === 'copy' ? [there, 'remote-1'] : [here, 'local-2']
      const snapshot = await region.stable(name)
      expect([name, snapshot.root]).toEqual([name, root])
      expect([name, sha256(await region.restored(name, zone))]).toEqual([name, sum])
    }
  })

  test('clones are available, and need no region', async () => {
    for (const [snapshot, zones] of Object.entries(content.clones)) {
      for (const zone of zones) {
        const clone = await here.client.snapshots.getSnapshotClone({ snapshot, zone })
        expect(clone.available).toBe(true)
        const name = `of-clone-${zone}`
        await here.client.volumes.createVolume({ name, zone, sourceSnapshot: snapshot })
        const { uri } = await here.attach(name)
        await here.world.signal('region', 'SIGKILL')
        expect(sha256(await here.read(uri))).toBe(content.snapshots[snapshot]?.sha256)
        await here.world.start('region')
      }
    }
  })

  test('what was deleted stays so, and its tombstones are let go', async () => {
    for (const site of here.world.nodes) {
      const node = new ZoneApi(here.world.zoneEndpoint(site))
      const isEmpty = async () => (await node.records()).tombstones.length === 0
      await here.world.until('no tombstone is left', isEmpty).finally(() => node.close())
    }
    const objects = new Objects(here.client)
    const all = [...(await objects.volumes()), ...(await objects.snapshots())]
    expect(all.filter(({ id }) => content.tombstones.includes(id))).toEqual([])
  })

  test('volumes are written, and their next snapshot is an increment', async () => {
    const uris = await here.uris()
    for (const name of ['data', 'restored', 'half', 'cloned']) {
      const uri = uris.get(name) ?? ''
      const before = await here.read(uri)
      const fresh = blockOf(name, 99, 77)
      const patch = join(folder, 'patch')
      writeFileSync(patch, fresh)
      const write = `write -q -s ${patch} ${77 * blockBytes} ${blockBytes}`
      await must('qemu-io', ['-f', 'raw', '-c', write, '-c', 'flush', uri])
      fresh.copy(before, 77 * blockBytes)

      const next = `next-${name}`
      await persist(
        async () => await here.client.snapshots.createSnapshot({ sourceVolume: name, name: next }),
      )
      // What lies between it and its base: what the volume's guest wrote after that, not all of it.
      const { transferredBytes } = await here.stable(next)
      expect(Number(transferredBytes)).toBeLessThan(before.length / 2)
      expect(sha256(await here.restored(next, 'local-1'))).toBe(sha256(before))
    }
  })

  test('what is deleted is collected; pools and stores are sound after it all', async () => {
    for (const snapshot of ['increment', 'full']) {
      await here.client.snapshots.deleteSnapshot({ snapshot })
    }
    await persist(async () => await here.client.operator.collectStore({}))
    const late = await here.restored('late', 'local-1')
    expect(sha256(late)).toBe(content.snapshots['late']?.sha256)
    for (const { world } of [here, there]) {
      for (const site of [...world.nodes, 'region']) await world.signal(site, 'SIGTERM')
      for (const site of world.nodes) {
        const report = await world.must('pool-check', join(world.folder, site, 'pool'))
        expect(report).toContain('sound')
      }
      const store = join(world.folder, 'region', 'store')
      const report = await world.json<{ readonly sound: boolean }>('store-check', store)
      expect(report).toMatchObject({ sound: true })
    }
  })
}

/** A region's world and what its callers do. */
class Region {
  readonly world: World
  readonly client: Client

  private constructor(world: World) {
    this.world = world
    this.client = new Client(world.endpoint)
  }

  static async start(options: WorldOptions): Promise<Region> {
    const region = new Region(await World.start(options))
    await region.world.until('all zones are available', async () => {
      const { zones } = await region.client.topology.listZones({})
      return zones.every(({ status }) => status === 'ZONE_STATUS_AVAILABLE')
    })
    return region
  }

  async remove(): Promise<void> {
    this.client.close()
    await this.world.remove()
  }

  /** Where attached volumes are to be had, by name. */
  async uris(): Promise<ReadonlyMap<string, string>> {
    const attachments = await new Objects(this.client).attachments()
    return new Map(attachments.map(({ volume, nbdUnixUri }) => [volume?.name ?? '', nbdUnixUri]))
  }

  async attach(volume: string): Promise<{ readonly id: string; readonly uri: string }> {
    const { id, nbdUnixUri } = await persist(
      async () => await this.client.attachments.createAttachment({ volume, host: 'host-1' }),
    )
    return { id, uri: nbdUnixUri }
  }

  async read(uri: string): Promise<Buffer> {
    const out = join(this.world.folder, 'read')
    await must('nbdcopy', [uri, out])
    return readFileSync(out)
  }

  async whole(volume: string): Promise<void> {
    await this.world.until(`${volume} is whole`, async () => {
      const { healthState } = await this.client.volumes.getVolume({ volume })
      return healthState === 'VOLUME_HEALTH_STATE_OK'
    })
  }

  async stable(name: string): Promise<Snapshot> {
    let found: Snapshot | undefined
    await this.world.until(`${name} is stable`, async () => {
      found = await this.client.snapshots.getSnapshot({ snapshot: name })
      return found.lifecycleState === 'LIFECYCLE_STATE_STABLE'
    })
    if (found === undefined) throw new Error(`nobody has seen ${name}`)
    return found
  }

  /** What a volume made of it holds. */
  async restored(snapshot: string, zone: string): Promise<Buffer> {
    const name = `of-${snapshot}`
    const { volumes, attachments } = this.client
    await persist(async () => await volumes.createVolume({ name, zone, sourceSnapshot: snapshot }))
    const { id, uri } = await this.attach(name)
    const bytes = await this.read(uri)
    await persist(async () => await attachments.deleteAttachment({ attachment: id }))
    await persist(async () => await volumes.deleteVolume({ volume: name }))
    return bytes
  }
}

describe.each(versions)('data of %s', (version) => {
  if (making === version) return makeAnew(version)
  for (const ending of endings) describe(ending, () => opensToday(version, ending))
})
