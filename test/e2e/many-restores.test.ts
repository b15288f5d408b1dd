// Many restores at once, each of a snapshot of its own, in the background so slow that none of them ends:
// the nodes go on obeying, whoever reads gets his bytes, and a node that is told to ends and comes back.
// In the soak 1,000 of 1,000 snapshots, held to the design's figures; otherwise a number that no pool of
// threads would hold. Two nodes share the restores, because a node serves 512 connections.

import { randomBytes } from 'node:crypto'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { Client } from '../../src/client/client.js'
import { MiB, Objects } from '../support/api.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const restores = soak ? 1000 : 100
/** Longest, in ms: what is promised, or what only a fault reaches. */
const bounds = soak
  ? { order: 100, reader: 1000, firstReads: 30_000 }
  : { order: 10_000, reader: 15_000, firstReads: 60_000 }
const chunkBytes = 65_536
const zones = ['local-2', 'local-3'] as const
const zoneOf = (index: number) => (index % 2 === 0 ? zones[0] : zones[1])

let world: World
let client: Client
/** Of the attachments of restored volumes. */
const uris: string[] = []

beforeAll(async () => {
  world = await World.start({
    zones: ['local-1', ...zones],
    poolCapacity: soak ? '2GiB' : '512MiB',
    nodeKeys: 'hydration_limit = "1MiB"\n',
  })
  client = new Client(world.endpoint)
}, 600_000)
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const say = (line: string) => process.stderr.write(`${line}\n`)

function p99(ms: readonly number[]): number {
  const sorted = [...ms].sort((a, b) => a - b)
  return Math.round(sorted[Math.floor((sorted.length - 1) * 0.99)] ?? Number.NaN)
}

async function timed(ms: number[], what: () => Promise<unknown>): Promise<void> {
  const since = performance.now()
  await what()
  ms.push(performance.now() - since)
}

/** So many at a time. */
async function each(count: number, atATime: number, what: (index: number) => Promise<void>) {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < count; index = next++) await what(index)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}

async function created(zone: string, sourceSnapshot = ''): Promise<string> {
  const capacityBytes = sourceSnapshot === '' ? `${MiB}` : '0'
  return (await client.volumes.createVolume({ zone, sourceSnapshot, capacityBytes })).id
}

async function attached(volume: string): Promise<string> {
  return (await client.attachments.createAttachment({ volume, host: 'h' })).nbdUnixUri
}

/** The first block of every chunk of snapshot k says k, in big endian. */
const numberOf = (block: Buffer) => block.readUInt32BE(0)

async function makeSnapshots(): Promise<readonly string[]> {
  const sourceVolume = await created('local-1')
  const host = await NbdClient.connect(await attached(sourceVolume))
  const data = randomBytes(Number(MiB))
  const ids: string[] = []
  for (let number = 0; number < restores; number++) {
    for (let at = 0; at < data.length; at += chunkBytes) data.writeUInt32BE(number, at)
    await host.write(0, data)
    ids.push((await client.snapshots.createSnapshot({ sourceVolume })).id)
  }
  host.close()
  const objects = new Objects(client)
  for (const id of ids) await objects.stable(id)
  return ids
}

test('a snapshot of its own for each', async () => {
  const snapshots = await makeSnapshots()
  await each(restores, 8, async (index) => {
    uris[index] = await attached(await created(zoneOf(index), snapshots[index]))
  })
}, 1_800_000)

test('orders are answered beside all of them', async () => {
  const orders: number[] = []
  for (let count = 0; count < (soak ? 50 : 10); count++) {
    let volume = ''
    await timed(orders, async () => {
      volume = await created(zoneOf(count))
    })
    await timed(orders, async () => await client.volumes.deleteVolume({ volume }))
  }
  say(`orders beside ${restores} restores: p99 ${p99(orders)} ms`)
  expect(p99(orders)).toBeLessThan(bounds.order)
}, 600_000)

test('one reader beside all of them', async () => {
  const reads: number[] = []
  // The last ones: the background has not come to them.
  for (let index = restores - 1; index >= restores - (soak ? 20 : 4); index--) {
    const host = await NbdClient.connect(uris[index] ?? '')
    for (let at = 0; at < Number(MiB); at += chunkBytes) {
      await timed(reads, async () => expect(numberOf(await host.read(at, 4096))).toBe(index))
    }
    host.close()
  }
  say(`a read beside ${restores} restores: p99 ${p99(reads)} ms`)
  expect(p99(reads)).toBeLessThan(bounds.reader)
}, 600_000)

test('all read at once', async () => {
  const hosts: NbdClient[] = []
  await each(restores, 16, async (index) => {
    hosts[index] = await NbdClient.connect(uris[index] ?? '')
  })
  const since = performance.now()
  const reads: number[] = []
  const at = 8 * chunkBytes
  const orders: number[] = []
  await Promise.all([
    ...hosts.map((host, index) =>
      timed(reads, async () => expect(numberOf(await host.read(at, 4096))).toBe(index)),
    ),
    timed(orders, async () => await created('local-2')),
  ])
  const all = Math.round(performance.now() - since)
  say(`${restores} readers at once: all served in ${all} ms, an order ${p99(orders)} ms`)
  expect(all).toBeLessThan(bounds.firstReads)
  for (const host of hosts) host.close()
}, 600_000)

test('a node ends when it is told to, and comes back to its restores', async () => {
  for (const zone of zones) {
    await world.signal(zone, 'SIGTERM')
    await world.start(zone)
  }
  for (const [index, zone] of zones.entries()) {
    await world.until('it obeys', async () => {
      await created(zone)
      return true
    })
    const host = await NbdClient.connect(uris[restores - zones.length + index] ?? '')
    expect(numberOf(await host.read(0, 4096))).toBe(restores - zones.length + index)
    host.close()
  }
}, 600_000)
