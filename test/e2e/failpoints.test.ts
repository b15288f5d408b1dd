// The matrix over the failpoints of TypeScript (native/base/failpoints.def): whole daemons die at each of
// them, at one of its first passages, while a guest writes and snapshots, restores, clones, copies,
// deletes and collections go on, whose callers repeat what was not answered.
// Every snapshot has its bytes all the time; in the end nothing is owed, nothing is left, and stores and
// pools are sound. A failpoint that nobody comes to fails the test. In the soak each is struck many times.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { systemClock } from '../../src/base/clock.js'
import { asAshlarError } from '../../src/base/error.js'
import { type FailpointName, failpointNames } from '../../src/gen/failpoints.js'
import { newRequestId } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { WiredRegion, persist } from '../support/wired-region.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
/** Far above what the work below takes to come to any of them, also on a busy machine. */
const reachMs = 240_000
const nobody = 'r002-00000000-0000-4000-8000-000000000000'
const seed = seedOf('failpoints')
const random = new Random(seed)

/** Who dies where. */
const victims = {
  region: [
    'catalogCommit',
    'pinDrop',
    'sessionEnd',
    'volumeRow',
    'attachmentRow',
    'snapshotRow',
    'cloneRow',
    'copyRow',
    'orderRow',
    'requestRow',
    'storeRecord',
    'collectEnd',
    'nodeOrder',
  ],
  peer: ['peerOrderRow', 'copyCommit', 'copyRelease'],
  'local-2': ['zoneOrder', 'zoneSettle'],
  // Not beside the others: it needs a place of its own.
  alone: ['catalogMigrate', 'catalogReplace', 'nodeRow'],
} as const satisfies Record<string, readonly FailpointName[]>

test('every failpoint is in this matrix once', () => {
  expect(Object.values(victims).flat().sort()).toEqual([...failpointNames].sort())
})

let over = false
let struck = 0
let rounds = 0

async function strike(world: World, site: string, failpoint: FailpointName, passage: number) {
  const since = systemClock.monotonicMs()
  world.arm(site, failpoint, passage)
  while (!world.isDead(site)) {
    if (over) return
    if (systemClock.monotonicMs() - since > reachMs)
      throw new Error(`${site} did not pass ${failpoint} ${passage} times`)
    await sleep(20)
  }
  world.disarm(site)
  const ms = Math.round(systemClock.monotonicMs() - since)
  process.stderr.write(`${site} died at passage ${passage} of ${failpoint}, after ${ms} ms\n`)
  await world.start(site)
  struck++
}

/** One of the first three; in the soak the first, and many of the next ones. */
const passages = () => {
  if (!soak) return [1 + Math.floor(random.below(3))]
  return [1, ...Array.from({ length: 20 }, () => 2 + Math.floor(random.below(3)))]
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  return list
    .map((each) => ({ each, at: random.next() }))
    .sort((one, other) => one.at - other.at)
    .map(({ each }) => each)
}

let here: WiredRegion
let there: WiredRegion
beforeAll(async () => {
  const [one, two] = [World.makeFolder(), World.makeFolder()]
  const peer = (name: string, number: number, folder: string) => [
    { name, number, address: World.endpointIn(folder) },
  ]
  const common = { wired: false, failpoints: true }
  here = await WiredRegion.start(new Random(seed), {
    ...common,
    zones: ['local-1', 'local-2'],
    folder: one,
    peers: peer('remote', 2, two),
  })
  there = await WiredRegion.start(new Random(seed + 1), {
    ...common,
    zones: ['remote-1'],
    folder: two,
    region: { name: 'remote', number: 2 },
    peers: peer('local', 1, one),
  })
  await here.makeSubject()
})
afterAll(async () => {
  await here?.remove()
  await there?.remove()
})

/** The image of the subject must be that of its cut. */
let cutting: Promise<unknown> = Promise.resolve()

async function take() {
  const mine = cutting.then(async () => {
    await here.change()
    return await here.take()
  })
  cutting = mine.catch(() => undefined)
  return await mine
}

/** Each goes its own way: what waits for another region that is just dead holds nobody else up. */
const jobs: readonly ((taken: Taken) => Promise<void>)[] = [
  async (taken) => await here.restores(taken, 'local-2'),
  async (taken) => await here.restores(taken, 'local-2'),
  async (taken) => await unclone(taken),
  async (taken) => await copy(taken),
  async () => await collect(),
]

async function work(job: (taken: Taken) => Promise<void>): Promise<void> {
  while (!over) {
    const taken = await take()
    await job(taken)
    await here.deleteSnapshot(taken.id)
    rmSync(taken.image)
    rounds++
  }
}
type Taken = Awaited<ReturnType<typeof take>>

async function unclone(taken: Taken): Promise<void> {
  await here.clone(taken, 'local-2')
  const request = { snapshot: taken.id, zone: 'local-2', requestId: newRequestId() }
  await persist(async () => await here.client.snapshots.deleteSnapshotClone(request))
}

async function copy({ id, root }: Taken): Promise<void> {
  const { crn } = await here.stable(id)
  const [name, requestId] = [there.newName('c'), newRequestId()]
  const copied = await persist(
    async () =>
      await there.client.snapshots.createSnapshot({ sourceSnapshotCrn: crn, name, requestId }),
  )
  expect((await there.stable(copied.id)).root).toBe(root)
  await there.deleteSnapshot(copied.id)
  const gone = crn.replaceAll('local', 'remote').replace(id, nobody)
  await copyNothing(gone)
}

/** Refused at once, or, when the region died in between, a copy that has failed. */
async function copyNothing(sourceSnapshotCrn: string): Promise<void> {
  const request = { sourceSnapshotCrn, requestId: newRequestId() }
  try {
    const copied = await persist(async () => await here.client.snapshots.createSnapshot(request))
    await here.deleteSnapshot(copied.id)
  } catch (thrown) {
    expect(asAshlarError(thrown).code).toMatch(/NOT_FOUND$/)
  }
}

async function collect(): Promise<void> {
  await persist(async () => await here.client.operator.collectStore({}))
}

async function strikes(
  world: World,
  site: string,
  failpoints: readonly FailpointName[],
): Promise<void> {
  for (const failpoint of shuffled(failpoints)) {
    for (const passage of passages()) await strike(world, site, failpoint, passage)
  }
}

test(
  'whoever dies there loses nothing, and what was begun ends',
  async () => {
    const kills = Promise.all([
      strikes(here.world, 'region', victims.region),
      strikes(there.world, 'region', victims.peer),
      strikes(here.world, 'local-2', victims['local-2']),
    ])
    const all = [kills, ...jobs.map(work)]
    // Whatever ends first, well or badly, ends the others.
    const ended = await Promise.allSettled(all.map((each) => each.finally(() => (over = true))))
    for (const end of ended) if (end.status === 'rejected') throw end.reason
    process.stderr.write(`${struck} daemons killed, ${rounds} rounds of work\n`)
    await here.quiet()
    await there.quiet()
  },
  soak ? 3_600_000 : 570_000,
)

test('in the end nothing is left', async () => {
  await here.expectNothingLeft()
  await there.expectNothingLeft()
})

test('a catalog that comes to be, a node that is forgotten, and a catalog that comes back', async () => {
  const world = await World.start({ zones: ['local-1'], poolCapacity: '64MiB', failpoints: true })
  const catalog = join(world.folder, 'region', 'catalog.db')
  const lose = () => {
    for (const end of ['', '-wal', '-shm']) rmSync(catalog + end, { force: true })
  }
  const diesStarting = async (failpoint: FailpointName, passage: number) => {
    world.arm('region', failpoint, passage)
    await world.start('region')
    await world.until('the region is dead', async () => world.isDead('region'), reachMs)
    world.disarm('region')
  }
  try {
    await world.signal('region', 'SIGKILL')
    for (const passage of passages()) {
      lose()
      await diesStarting('catalogMigrate', passage)
      await world.start('region')
      expect(await world.json('volumes')).toEqual([])
      await world.signal('region', 'SIGKILL')
    }
    await world.start('region')

    await world.signal('local-1', 'SIGKILL')
    const forget = async () => (await world.ashlar(['zone-forget', 'local-1', '-f'])).code
    for (const passage of [1, 2]) {
      world.arm('region', 'nodeRow', passage)
      expect(await forget()).not.toBe(0)
      await world.until('the region is dead', async () => world.isDead('region'), reachMs)
      world.disarm('region')
      await world.start('region')
    }
    expect(await forget()).toBe(0)
    await world.start('local-1')

    const sized = ['--zone', 'local-1', '--size', '1MiB']
    await world.until('the node is back', async () => {
      return (await world.ashlar(['volume-create', '--name', 'data', ...sized])).code === 0
    })
    await world.must('snapshot-create', '--volume', 'data', '--name', 'one', '--wait')
    await world.signal('region', 'SIGKILL')
    lose()
    const rebuild = async () =>
      (await world.ashlar(['store-rebuild-catalog', join(world.folder, 'region')])).code
    world.arm('command', 'catalogReplace', 1)
    expect(await rebuild()).not.toBe(0)
    world.disarm('command')
    expect(await rebuild()).toBe(0)
    await world.start('region')
    expect(await world.must('snapshot', 'one')).toContain('stable')
  } finally {
    await world.remove()
  }
})
