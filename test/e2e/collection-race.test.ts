// Collections that race with snapshots, deletes, restores, clones and kills of the region, over whole
// daemons. Contents come from a small stock, so that what has just been condemned is often needed again.
// All the time every snapshot that is not deleted has its bytes; in the end the store holds no more.
//
// ASHLAR_RACE_SECONDS: how long; default 30, a minute in CI, and an hour in `npm run soak`.

import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import { native } from '../../src/native/binding.js'
import { newRequestId } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { must } from '../support/tools.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const seconds = Number(process.env['ASHLAR_RACE_SECONDS'] ?? (soak ? 3600 : 30))
const seed = seedOf('collection race')
const MiB = 1 << 20
const volumeBytes = 16 * MiB
const chunk = 64 << 10
const block = 4 << 10
const writers = ['w-1', 'w-2']
const keptMax = 6
/** Every so many seconds, on average. */
const killEverySeconds = 15

let region: WiredRegion
beforeAll(async () => {
  region = await WiredRegion.start(new Random(seed), {
    zones: ['local-1', 'local-2'],
    wired: false,
  })
})
afterAll(async () => await region?.remove())

/** Not being deleted, as far as the test knows. */
const kept: Taken[] = []
/** One for each restore that is still to be compared with the image. */
const compared: Taken[] = []
/** An hour of them would fill the disk. */
function removeUnusedImage(taken: Taken): void {
  if (!kept.includes(taken) && !compared.includes(taken)) rmSync(taken.image, { force: true })
}
const counts = { snapshots: 0, deletes: 0, restores: 0, clones: 0, collections: 0, kills: 0 }
let until = 0n
const isOver = () => process.hrtime.bigint() > until

/** Bytes that come again and again: of each size a stock. */
const stock = (bytes: number, which: number): Buffer =>
  createHash('shake256', { outputLength: bytes }).update(`${seed} ${bytes} ${which}`).digest()

async function makeVolume(name: string): Promise<string> {
  const capacityBytes = String(volumeBytes)
  await region.client.volumes.createVolume({ name, zone: 'local-1', capacityBytes })
  writeFileSync(join(region.world.folder, `${name}.raw`), Buffer.alloc(volumeBytes))
  return (await region.attach(name)).uri
}

function change(name: string, random: Random): readonly string[] {
  const file = openSync(join(region.world.folder, `${name}.raw`), 'r+')
  const steps: string[] = []
  const write = (unit: number, bytes: Buffer) => {
    const at = unit * Math.floor(random.below((volumeBytes - bytes.length) / unit))
    writeSync(file, bytes, 0, bytes.length, at)
    const fresh = join(region.world.folder, `${name}-${steps.length}`)
    writeFileSync(fresh, bytes)
    steps.push('-c', `write -q -s ${fresh} ${at} ${bytes.length}`)
  }
  for (let left = 3; left > 0; left--) write(chunk, stock(8 * chunk, Math.floor(random.below(40))))
  for (let left = 5; left > 0; left--) write(block, stock(block, Math.floor(random.below(10))))
  write(chunk, Buffer.alloc(4 * chunk))
  closeSync(file)
  return [...steps, '-c', 'flush']
}

async function snapshots(volume: string, random: Random): Promise<void> {
  const uri = await makeVolume(volume)
  while (!isOver()) {
    await must('qemu-io', ['-f', 'raw', ...change(volume, random), uri])
    const name = region.newName('s')
    const image = join(region.world.folder, `${name}.raw`)
    copyFileSync(join(region.world.folder, `${volume}.raw`), image)
    const { rootHex: root } = await native().verifyImage(image)
    const request = { sourceVolume: volume, name, requestId: newRequestId() }
    const { id } = await persist(async () => await region.client.snapshots.createSnapshot(request))
    expect((await region.stable(id)).root).toBe(root)
    kept.push({ id, name, image, root })
    counts.snapshots++
  }
}

/** The oldest, the newest, or any: what is left needs what they have in common. */
async function deletes(random: Random): Promise<void> {
  while (!isOver()) {
    await sleep(50)
    if (kept.length <= random.below(keptMax)) continue
    const [gone] = kept.splice(Math.floor(random.below(kept.length)), 1)
    if (gone === undefined) continue
    removeUnusedImage(gone)
    await region.deleteSnapshot(gone.id)
    counts.deletes++
  }
}

/** Of one that may be deleted meanwhile: then there is no volume, or one with all of its bytes. */
async function restores(random: Random): Promise<void> {
  while (!isOver()) {
    const taken = kept[Math.floor(random.below(kept.length))]
    if (taken === undefined) {
      await sleep(100)
      continue
    }
    compared.push(taken)
    try {
      await restoreOne(taken)
    } finally {
      compared.splice(compared.indexOf(taken), 1)
      removeUnusedImage(taken)
    }
  }
}

async function restoreOne(taken: Taken): Promise<void> {
  const name = region.newName('v')
  const request = { name, zone: 'local-2', sourceSnapshot: taken.id, requestId: newRequestId() }
  try {
    await persist(async () => await region.client.volumes.createVolume(request))
  } catch (thrown) {
    if (!isGone(thrown, taken)) throw thrown
    return
  }
  await region.isEqual(name, taken.image)
  await region.deleteVolume(name)
  counts.restores++
}

async function clones(random: Random): Promise<void> {
  const { snapshots } = region.client
  while (!isOver()) {
    const taken = kept[Math.floor(random.below(kept.length))]
    await sleep(200)
    if (taken === undefined) continue
    const clone = { snapshot: taken.id, zone: 'local-2' }
    try {
      const create = { ...clone, requestId: newRequestId() }
      await persist(async () => await snapshots.createSnapshotClone(create))
      const isAvailable = async () =>
        isGoneFromKept(taken) || (await snapshots.getSnapshotClone(clone)).available
      await region.world.until('the clone is available', isAvailable, 120_000)
      const remove = { ...clone, requestId: newRequestId() }
      await persist(async () => await snapshots.deleteSnapshotClone(remove))
      counts.clones++
    } catch (thrown) {
      if (!isGone(thrown, taken)) throw thrown
    }
  }
}

/** Deleted, or just being deleted. */
const refusals: ReadonlySet<string> = new Set([
  'SNAPSHOT_NOT_FOUND',
  'NOT_FOUND',
  'SNAPSHOT_FAILED',
])
const isGoneFromKept = (taken: Taken) => !kept.includes(taken)
function isGone(thrown: unknown, taken: Taken): boolean {
  return isGoneFromKept(taken) && refusals.has(asAshlarError(thrown).code)
}

async function collections(random: Random): Promise<void> {
  while (!isOver()) {
    await persist(async () => await region.client.operator.collectStore({}))
    counts.collections++
    await sleep(random.below(300))
  }
}

async function kills(random: Random): Promise<void> {
  const { world } = region
  while (!isOver()) {
    await sleep(random.below(2000 * killEverySeconds))
    if (isOver()) return
    await world.killAndRestart(['region', 'region', 'local-2'][Math.floor(random.below(3))] ?? '')
    counts.kills++
  }
}

test(`${seconds} s of everything at once`, { timeout: 1000 * seconds + 600_000 }, async () => {
  until = process.hrtime.bigint() + BigInt(seconds) * 1_000_000_000n
  let actors = 0
  const random = () => new Random(seed + ++actors)
  const all = [
    ...writers.map(async (volume) => await snapshots(volume, random())),
    deletes(random()),
    restores(random()),
    restores(random()),
    clones(random()),
    collections(random()),
    kills(random()),
  ]
  // One that fails ends the others.
  const ended = all.map(async (actor) => {
    try {
      await actor
    } catch (thrown) {
      until = 0n
      throw thrown
    }
  })
  const settled = await Promise.allSettled(ended)
  process.stderr.write(`collection race: ${JSON.stringify(counts)}\n`)
  for (const each of settled) if (each.status === 'rejected') throw each.reason
  for (const [what, count] of Object.entries(counts)) expect(count, what).toBeGreaterThan(0)

  await region.quiet()
  for (const taken of kept) await region.restores(taken, 'local-2')
  await region.quiet()
  const { after } = await region.client.operator.collectStore({})
  const chunks = new Set(kept.flatMap(({ image }) => chunksOf(image)))
  // A delta needs one full chunk, which may be nobody's own any more.
  expect(Number(after?.chunks)).toBeGreaterThanOrEqual(chunks.size)
  expect(Number(after?.chunks)).toBeLessThanOrEqual(2 * chunks.size)
  expect(Number(after?.packBytes)).toBeLessThanOrEqual(1.1 * chunks.size * chunk + 2 * 64 * MiB)
})

function chunksOf(image: string): readonly string[] {
  const bytes = readFileSync(image)
  const zeros = Buffer.alloc(chunk)
  const ids: string[] = []
  for (let at = 0; at < bytes.length; at += chunk) {
    const one = bytes.subarray(at, at + chunk)
    if (!one.equals(zeros)) ids.push(createHash('sha256').update(one).digest('hex'))
  }
  return ids
}

test('in the end nothing is left', async () => await region.expectNothingLeft())
