// A node whose region is away, while many readers wait for data that only the region has: for everybody
// else nothing changes. What others did before and do then is timed in one run and compared: cold reads,
// writes with their flush, checkpoints. In the soak for a minute each, to its last percent.

import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { Client } from '../../src/client/client.js'
import { MiB, Objects, ZoneApi } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const measureMs = soak ? 60_000 : 4000
/** Of the median, and of the slowest: a slice of a busy machine is not what this looks for. */
const bounds = soak ? { median: 2, slowest: 2 } : { median: 2, slowest: 20 }
const readers = 48
const [block, chunk] = [4096, 65_536]
const bytes = Number((soak ? 192n : 48n) * MiB)
const zone = 'local-2'

const random = new Random(seedOf('absent region'))
let world: World
let client: Client
let node: ZoneApi
let restored: string
let busy: { readonly id: string; readonly host: NbdClient }

beforeAll(async () => {
  world = await World.start({
    zones: ['local-1', zone],
    poolCapacity: '1GiB',
    nodeKeys: 'hydration_limit = "1MiB"\n',
  })
  client = new Client(world.endpoint)
  node = new ZoneApi(world.zoneEndpoint(zone))
})
afterAll(async () => {
  node?.close()
  client?.close()
  await world?.remove()
})

async function attached(volume: string): Promise<string> {
  return (await client.attachments.createAttachment({ volume, host: 'h' })).nbdUnixUri
}

async function filled(where: string) {
  const { id } = await client.volumes.createVolume({ zone: where, capacityBytes: `${bytes}` })
  const host = await NbdClient.connect(await attached(id))
  for (let at = 0; at < bytes; at += Number(MiB)) await host.write(at, randomBytes(Number(MiB)))
  await host.flush()
  return { id, host }
}

test('a volume that is remote, and one that is busy', async () => {
  const source = await filled('local-1')
  const { id } = await client.snapshots.createSnapshot({ sourceVolume: source.id })
  source.host.close()
  await new Objects(client).stable(id)
  busy = await filled(zone)
  const volume = await client.volumes.createVolume({ zone, sourceSnapshot: id })
  restored = await attached(volume.id)
}, 300_000)

const at = (unit: number) => unit * Math.floor(random.below(bytes / unit))

interface Times {
  readonly reads: number[]
  readonly flushes: number[]
  readonly checkpoints: number[]
}

/** What others do, round after round. */
async function othersFor(ms: number): Promise<Times> {
  const times: Times = { reads: [], flushes: [], checkpoints: [] }
  const timed = async (into: number[], what: () => Promise<unknown>) => {
    const since = performance.now()
    await what()
    into.push(performance.now() - since)
  }
  const pool = join(world.folder, zone, 'pool')
  const end = performance.now() + ms
  while (performance.now() < end) {
    await must('dd', [`if=${pool}`, 'of=/dev/null', 'iflag=nocache', 'count=0'])
    for (let count = 0; count < 40; count++)
      await timed(times.reads, async () => await busy.host.read(at(block), block))
    for (let count = 0; count < 10; count++) {
      await timed(times.flushes, async () => {
        await busy.host.write(at(block), randomBytes(block))
        await busy.host.flush()
      })
    }
    await timed(times.checkpoints, checkpoint)
  }
  return times
}

/** What a dropped cut has left cannot be freed without one. */
async function checkpoint(): Promise<void> {
  const id = () => `r001-${crypto.randomUUID()}`
  const snapshotId = id()
  const generation = async () => (await node.calls.getNodeStats({})).checkpointGeneration
  const before = await generation()
  await node.calls.createCut({ groupId: id(), members: [{ volumeId: busy.id, snapshotId }] })
  for (let count = 0; count < 4; count++) await busy.host.write(at(block), randomBytes(block))
  await node.calls.dropCut({ snapshotId })
  while ((await generation()) === before) await sleep(5)
}

/** Reads remote chunks until it is over; one that gets EIO, or is hung up on, asks for another. */
async function reader(isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const host = await NbdClient.connect(restored)
    hosts.add(host)
    // From the end: the background comes from the other.
    const far = () => bytes / 2 + chunk * Math.floor(random.below(bytes / 2 / chunk))
    try {
      while (!isOver()) await host.read(far(), chunk)
    } catch {
      failed++
    }
    hosts.delete(host)
    host.abandon()
  }
}
const hosts = new Set<NbdClient>()
let failed = 0

const quantile = (ms: readonly number[], part: number) =>
  [...ms].sort((one, other) => one - other)[Math.floor((ms.length - 1) * part)] ?? Number.NaN

test(
  'everybody else goes on as before while readers wait',
  async () => {
    await othersFor(1000)
    const before = await othersFor(measureMs)
    await world.signal('region', 'SIGKILL')
    let over = false
    const waiting = Array.from({ length: readers }, async () => await reader(() => over))
    await sleep(500)
    const during = await othersFor(measureMs)
    over = true
    for (const host of hosts) host.abandon()
    await Promise.all(waiting)
    process.stderr.write(`${readers} readers, ${failed} of their reads failed or were given up\n`)
    expect(failed).toBeGreaterThanOrEqual(readers)
    for (const what of ['reads', 'flushes', 'checkpoints'] as const) {
      const [median, slowest] = ([0.5, 0.99] as const).map(
        (part) => quantile(during[what], part) / quantile(before[what], part),
      )
      const line = [0.5, 0.99].map((part) =>
        [before, during].map((times) => quantile(times[what], part).toFixed(2)).join(' -> '),
      )
      process.stderr.write(
        `${what} (${before[what].length}, ${during[what].length}): p50 ${line[0]} ms, p99 ${line[1]} ms\n`,
      )
      expect(median, `${what}, median`).toBeLessThan(bounds.median)
      expect(slowest, `${what}, slowest`).toBeLessThan(bounds.slowest)
    }
  },
  soak ? 600_000 : 180_000,
)
