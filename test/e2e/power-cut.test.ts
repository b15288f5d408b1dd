// A machine that loses its power: region, node, store, catalog and pool lie on an ext4 of a disk that
// keeps of what was not synced whatever it likes. Guests write and flush, snapshots come and go, the
// store is collected; then the power goes. Afterwards every flushed block, every snapshot that was
// told to be stable and every object that was told to exist is there, and both checks find nothing.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { waitForSnapshot, waitForVolume } from '../../src/client/wait.js'
import { PowerDisk } from '../support/power-disk.js'
import { Random, seedOf } from '../support/random.js'
import { must, noLoopMounts, run } from '../support/tools.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const lives = soak ? 100 : 2
const MiB = 1 << 20
const volumeBytes = 4 * MiB
const unit = 64 << 10
const units = volumeBytes / unit
const sites = ['region', 'local-1', 'local-2'] as const
const reason = noLoopMounts()
const seed = seedOf('power cut')
const random = new Random(seed)

/** What a unit of a volume may hold: the byte that was flushed last, and all that were written since. */
class Guest {
  readonly name: string
  uri = ''
  readonly flushed = new Uint8Array(units)
  readonly now = new Uint8Array(units)
  #since: { readonly at: number; readonly byte: number }[] = []

  constructor(name: string) {
    this.name = name
  }

  allowed(at: number): ReadonlySet<number> {
    const later = this.#since.filter((write) => write.at === at).map(({ byte }) => byte)
    return new Set([this.flushed[at] ?? 0, ...later])
  }

  /** A few writes, and sometimes a flush; what the power cut is not acknowledged. */
  async go(): Promise<void> {
    for (let left = 1 + random.below(6); left >= 1; left--) {
      const at = Math.floor(random.below(units))
      const byte = 1 + Math.floor(random.below(255))
      this.#since.push({ at, byte })
      await io(this.uri, `write -q -P ${byte} ${at * unit} ${unit}`)
      this.now[at] = byte
    }
    if (random.below(2) < 1) return
    await io(this.uri, 'flush')
    this.flushed.set(this.now)
    this.#since = []
  }

  /** What was found is what is there from now on. */
  settle(found: Uint8Array): void {
    this.now.set(found)
    this.flushed.set(found)
    this.#since = []
  }
}

async function io(uri: string, command: string): Promise<void> {
  const { code, stdout, stderr } = await run('qemu-io', ['-f', 'raw', '-c', command, uri])
  if (code !== 0 || /failed|error/i.test(stdout + stderr)) throw new Error(stdout + stderr)
}

const host = mkdtempSync(join(tmpdir(), 'ashp-'))
let disk: PowerDisk
let world: World
let client: Client
const guests = [new Guest('a'), new Guest('b')]
/** Of snapshots that were told to be stable. */
const promised = new Map<string, Uint8Array>()
const deleted = new Set<string>()
let number = 0
let stable = 0

/** The data folders of a world's sites are on the disk. */
function place(folder: string): void {
  for (const site of sites) {
    const link = join(folder, site)
    rmSync(link, { force: true })
    mkdirSync(join(disk.at, site), { recursive: true })
    symlinkSync(join(disk.at, site), link)
  }
}

beforeAll(async () => {
  if (reason !== undefined) return
  disk = await PowerDisk.make(host, 512 * MiB, seed)
  await disk.mount()
  const folder = World.makeFolder()
  place(folder)
  world = await World.start({ folder, zones: ['local-1', 'local-2'], poolCapacity: '64MiB' })
  client = new Client(world.endpoint)
  for (const guest of guests) {
    const order = { name: guest.name, zone: 'local-1', capacityBytes: String(volumeBytes) }
    await client.volumes.createVolume(order)
    guest.uri = (
      await client.attachments.createAttachment({ volume: guest.name, host: 'h' })
    ).nbdUnixUri
  }
})
afterAll(async () => {
  client?.close()
  await world?.remove()
  await disk?.remove()
  rmSync(host, { recursive: true, force: true })
})

async function snapshots(guest: Guest): Promise<void> {
  const name = `s-${++number}`
  const content = Uint8Array.from(guest.now)
  await client.snapshots.createSnapshot({ name, sourceVolume: guest.name })
  await waitForSnapshot(client, name, { patienceMs: 500 })
  promised.set(name, content)
  stable++
}

async function deletes(): Promise<void> {
  const [name] = promised.keys()
  if (name === undefined || promised.size < 4) return
  promised.delete(name)
  await client.snapshots.deleteSnapshot({ snapshot: name })
  deleted.add(name)
}

/** Until the power goes, which ends all of it. */
async function live(): Promise<void> {
  let over = false
  const each = async (act: () => Promise<unknown>) => {
    while (!over) {
      await act().catch(() => undefined)
      await sleep(10)
    }
  }
  const busy = guests.map(async (guest) => {
    await each(async () => {
      await guest.go()
      if (random.below(2) < 1) await snapshots(guest)
    })
  })
  busy.push(each(deletes))
  busy.push(each(async () => await world.ashlar(['store-collect'])))
  await sleep(1000 + random.below(4000))
  await disk.cut()
  over = true
  for (const site of sites) await world.signal(site, 'SIGKILL')
  await Promise.all(busy)
}

async function comesBack(): Promise<void> {
  const fates = await disk.revive()
  process.stderr.write(`power cut: writes ${JSON.stringify(fates)}\n`)
  place(world.folder)
  await Promise.all(sites.map(async (site) => await world.start(site)))
  await world.until('the region has its nodes', async () => {
    const { zones } = await client.topology.listZones({})
    return zones.every(({ status }) => status === 'ZONE_STATUS_AVAILABLE')
  })
}

async function contentOf(uri: string): Promise<Buffer> {
  const file = join(world.folder, 'read')
  rmSync(file, { force: true })
  await must('nbdcopy', [uri, file])
  const content = readFileSync(file)
  expect(content.length).toBe(volumeBytes)
  return content
}

/** Each block of a unit is one that it may hold. */
function expectAllowed(
  content: Buffer,
  what: string,
  allowed: (at: number) => ReadonlySet<number>,
) {
  const wrong: string[] = []
  for (let block = 0; block < content.length; block += 4096) {
    const byte = content[block] ?? 0
    const uniform = content.subarray(block, block + 4096).every((each) => each === byte)
    const may = allowed(Math.floor(block / unit))
    if (!uniform || !may.has(byte))
      wrong.push(`block at ${block}: ${uniform ? byte : 'mixed'}, not ${[...may].join(' or ')}`)
  }
  expect(wrong, what).toEqual([])
}

async function compareGuests(): Promise<void> {
  for (const guest of guests) {
    const content = await contentOf(guest.uri)
    expectAllowed(content, `volume ${guest.name}`, (at) => guest.allowed(at))
    // A unit whose write was cut may be mixed; it is made one again.
    const found = Uint8Array.from({ length: units }, (_, at) => content[at * unit] ?? 0)
    for (const [at, byte] of found.entries())
      await io(guest.uri, `write -q -P ${byte} ${at * unit} ${unit}`)
    await io(guest.uri, 'flush')
    guest.settle(found)
  }
}

/** From the region's store, in the zone that has nothing of them. */
async function compareSnapshots(): Promise<void> {
  for (const [name, content] of [...promised].slice(-3)) {
    const volume = `of-${name}-${++number}`
    await client.volumes.createVolume({ name: volume, zone: 'local-2', sourceSnapshot: name })
    await world.until(
      `${volume} has its data`,
      async () => {
        await waitForVolume(client, volume, { signal: AbortSignal.timeout(60_000) })
        return true
      },
      60_000,
    )
    const { id, nbdUnixUri } = await client.attachments.createAttachment({ volume, host: 'h' })
    const found = await contentOf(nbdUnixUri)
    expectAllowed(found, `snapshot ${name}`, (at) => new Set([content[at] ?? 0]))
    await client.attachments.deleteAttachment({ attachment: id })
    await client.volumes.deleteVolume({ volume })
  }
}

async function compareCatalog(): Promise<void> {
  const { snapshots: listed } = await client.snapshots.listSnapshots({ pageSize: 1000 })
  const states = new Map(listed.map(({ name, lifecycleState }) => [name, lifecycleState]))
  for (const name of promised.keys())
    expect([name, states.get(name)]).toEqual([name, 'LIFECYCLE_STATE_STABLE'])
  for (const name of deleted)
    expect([name, states.get(name) ?? 'LIFECYCLE_STATE_DELETING']).toEqual([
      name,
      'LIFECYCLE_STATE_DELETING',
    ])
}

test.skipIf(reason !== undefined)(
  `nothing is lost that was promised, in ${lives} power cuts${reason === undefined ? '' : ` (${reason})`}`,
  async () => {
    for (let life = 0; life < lives; life++) {
      await live()
      await comesBack()
      await compareGuests()
      await compareSnapshots()
      await compareCatalog()
    }
    expect(stable).toBeGreaterThan(lives)
    for (const site of sites) await world.signal(site, 'SIGTERM')
    for (const zone of ['local-1', 'local-2'])
      expect(await world.must('pool-check', '--data', join(world.folder, zone, 'pool'))).toContain(
        'sound',
      )
    await world.must('store-check', join(world.folder, 'region', 'store'))
  },
)
