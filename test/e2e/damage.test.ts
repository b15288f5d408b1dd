// Bits flipped and packs deleted under whole daemons: the damage is found, said, and mended from whoever
// else has the content; where nobody has, readers and operators are told, and nothing else is harmed.

import { readFileSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { newRequestId, refusal } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { flipAt, packsOf } from '../support/store-files.js'
import { run } from '../support/tools.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'
import { World } from '../support/world.js'

const random = new Random(seedOf('damage'))
let here: WiredRegion
let there: WiredRegion
/** Packs there were before the test. */
let old: ReadonlySet<string>

beforeAll(async () => {
  const [one, two] = [World.makeFolder(), World.makeFolder()]
  const peers = (name: string, number: number, folder: string) => [
    { name, number, address: World.endpointIn(folder) },
  ]
  const plain = { wired: false }
  here = await WiredRegion.start(random, {
    ...plain,
    zones: ['local-1', 'local-2'],
    folder: one,
    peers: peers('remote', 2, two),
  })
  there = await WiredRegion.start(random, {
    ...plain,
    zones: ['remote-1'],
    folder: two,
    region: { name: 'remote', number: 2 },
    peers: peers('local', 1, one),
  })
})
afterAll(async () => {
  await here?.remove()
  await there?.remove()
})
beforeEach(async () => {
  for (const region of [here, there]) {
    await region.objects.clear()
    await region.quiet()
    await persist(async () => await region.client.operator.collectStore({}))
  }
  old = new Set(packs())
  await here.makeSubject()
})

const storeFolder = () => join(here.world.folder, 'region', 'store')
const packs = () => packsOf(storeFolder())
/** Of this test; `d` with chunks, `n` with nodes. */
const freshPacks = (kind: 'd' | 'n') =>
  packs().filter((path) => !old.has(path) && basename(path).startsWith(kind) && !isRecord(path))

/** A record has a pack of its own until a collection merges it; nobody else could have a copy. */
function isRecord(path: string): boolean {
  const first = readFileSync(path).subarray(32)
  return first.readUInt8(4) === 6
}

/** One bit in about every so many bytes of the frames (STORE.md). */
function flip(path: string, everyBytes: number): void {
  const footer = readFileSync(path).subarray(-48)
  const end = Number(footer.readBigUInt64LE(16))
  for (let at = 32 + Math.floor(random.below(everyBytes)); at < end; at += everyBytes) {
    flipAt(path, at, random)
  }
}

const said = () => here.world.said('region')
const quarantined = async () => (await here.client.operator.getStoreStats({})).quarantined
async function mended(): Promise<void> {
  const isMended = async () => (await quarantined()) === 0
  await here.world.until('all is mended', isMended, 60_000)
  expect(said()).toContain('all damage is mended')
}

/** The volume and its cut go: the region alone has what was taken of it. Requires: sealed. */
async function loseSource({ id }: Taken): Promise<void> {
  await here.sealed(id)
  await here.deleteSubject()
  await here.dropCut('local-1', id)
}

async function copyOf({ id, root }: Taken): Promise<void> {
  const { crn } = await here.client.snapshots.getSnapshot({ snapshot: id })
  const request = { sourceSnapshotCrn: crn, name: here.newName('c'), requestId: newRequestId() }
  const copy = await there.client.snapshots.createSnapshot(request)
  expect((await there.stable(copy.id)).root).toBe(root)
  await here.world.until(
    'the copy is known',
    async () => {
      const { copies } = await here.client.snapshots.getSnapshot({ snapshot: id })
      return copies.length === 1
    },
    30_000,
  )
}

interface Checked {
  readonly sound: boolean
  readonly problems: readonly string[]
}

/** Offline. */
async function checked(): Promise<Checked> {
  await here.world.signal('region', 'SIGTERM')
  const { stdout } = await here.world.ashlar(['store-check', storeFolder(), '--output', 'json'])
  await here.world.start('region')
  return JSON.parse(stdout) as Checked
}

/** Every frame that something needs has its bytes. */
const isSound = async (): Promise<boolean> => (await checked()).sound

describe('damage is mended', () => {
  test('from the cut on the node of the source, while the region runs', async () => {
    const taken = await here.take()
    for (const pack of freshPacks('d')) flip(pack, 1 << 20)
    await here.restores(taken, 'local-2')
    expect(said()).toContain('the store has found damage')
    await mended()
    await here.quiet()
    expect(await isSound()).toBe(true)
    await here.restores(taken, 'local-2')
  })

  test('from the cut, of packs deleted while the region runs, which the next start misses', async () => {
    const taken = await here.take()
    for (const pack of freshPacks('d')) rmSync(pack)
    await here.world.killAndRestart('region')
    await here.world.until('it is said', async () => said().includes('the pack is missing'), 30_000)
    await mended()
    await here.restores(taken, 'local-2')
    expect(await isSound()).toBe(true)
  })

  test('from a clone in another zone', async () => {
    const taken = await here.take()
    await here.clone(taken, 'local-2')
    await loseSource(taken)
    for (const pack of freshPacks('d')) flip(pack, 1 << 20)
    await here.restores(taken, 'local-1')
    await mended()
    expect(await isSound()).toBe(true)
  })

  test('from the other region: packs deleted while the region was down', async () => {
    const taken = await here.take()
    await copyOf(taken)
    await loseSource(taken)
    await here.world.signal('region', 'SIGKILL')
    for (const pack of freshPacks('d')) rmSync(pack)
    const { code, stdout } = await here.world.ashlar(['store-check', storeFolder()])
    expect([code === 0, stdout]).toEqual([false, expect.stringContaining('damaged')])
    await here.world.start('region')
    await here.world.until('it is said', async () => said().includes('the pack is missing'), 30_000)
    await mended()
    await here.restores(taken, 'local-2')
    expect(await isSound()).toBe(true)
  })

  test('from the other region: nodes, also after a collection refused to go by them', async () => {
    const taken = await here.take()
    await copyOf(taken)
    await loseSource(taken)
    for (const pack of freshPacks('n')) flip(pack, 512)
    const refused = await refusal(here.client.operator.collectStore({}))
    expect(refused).toMatchObject({ status: 'DATA_LOSS', reason: 'CORRUPT' })
    await mended()
    await here.restores(taken, 'local-2')
  })
})

test('of directories alone is mended by the next collection', async () => {
  const taken = await here.take()
  const hurt = [...freshPacks('d'), ...freshPacks('n')]
  for (const pack of hurt) flipAt(pack, statSync(pack).size - 60, random)
  const { problems } = await checked()
  expect(problems.join()).toContain('the directory is damaged')
  await here.client.operator.collectStore({})
  const isSaid = async () => said().includes('the directory is damaged')
  await here.world.until('it is said', isSaid, 30_000)
  expect(packs().filter((path) => hurt.includes(path))).toEqual([])
  await here.restores(taken, 'local-2')
  expect(await isSound()).toBe(true)
})

test('that nobody can mend is said to readers and operators, and harms nothing else', async () => {
  const other = await here.take()
  await here.rewrite()
  const taken = await here.take()
  const image = await here.imageOf('again')
  await loseSource(taken)
  const mine = freshPacks('d').at(-1) ?? ''
  flip(mine, 32 << 10)

  const request = { name: 'hurt', zone: 'local-2', sourceSnapshot: taken.id }
  await here.client.volumes.createVolume(request)
  const { uri } = await here.attach('hurt')
  const read = await run('qemu-io', ['-r', '-f', 'raw', '-c', 'read 0 64k', uri])
  expect(read.stdout + read.stderr).toContain('Input/output error')
  await here.world.until(
    'the volume says why',
    async () => {
      const { healthReasons } = await here.client.volumes.getVolume({ volume: 'hurt' })
      return healthReasons.some(({ message }) => message.includes('the region cannot give'))
    },
    30_000,
  )
  expect(await quarantined()).toBeGreaterThan(0)
  const told = 'no reachable holder has what is damaged'
  await here.world.until('operators are told', async () => said().includes(told), 30_000)
  expect(await here.client.snapshots.getSnapshot({ snapshot: taken.id })).toMatchObject({
    lifecycleState: 'LIFECYCLE_STATE_STABLE',
  })
  await here.restores(other, 'local-2')
  expect(await isSound()).toBe(false)

  // The same content, stored anew, ends it: nothing leans on what is damaged.
  await here.makeSubject(image.image)
  const again = await here.take()
  expect(again.root).toBe(taken.root)
  await here.restores(again, 'local-2')
  await here.isEqual('hurt', taken.image)
})
