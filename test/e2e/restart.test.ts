// A daemon dies by SIGKILL while a call is under way, or right after it was sent; it is started again,
// and the call is repeated with its request_id. It ends with one object in the right state, and with
// nothing left over: not in the region, not in the nodes, not in the pools.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import type { Client } from '../../src/client/client.js'
import { MiB, type Objects, newRequestId, refusal, unavailable } from '../support/api.js'
import { changes } from '../support/methods/changes.js'
import { Ground, passing, persist } from '../support/methods/ground.js'
import type { Trial, Use } from '../support/methods/trial.js'
import { Random, seedOf } from '../support/random.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const callsOfEach = 2
/** Calls take 5 to 30 ms here, some at a time, so that kills fall before, into and after them. */
const spreadMs = (calls: number) => ({ calls: 4 * calls, kill: 6 * calls })
const zones = ['local-1', 'local-2'] as const

let world: World
let ground: Ground
let client: Client
let objects: Objects
beforeAll(async () => {
  world = await World.start({ zones, poolCapacity: '512MiB' })
  ground = await Ground.begin(world, zones)
  ;({ client, objects } = ground)
})
afterAll(async () => await ground?.close())

const seed = seedOf('restart')
const random = new Random(seed)

async function round(concerned: readonly Use[], victim: string): Promise<void> {
  const trials: Trial[] = []
  for (let at = 0; at < callsOfEach; at++) {
    for (const { begin } of concerned) trials.push(await begin(ground))
  }
  const spread = spreadMs(trials.length)
  const first = trials.map(async ({ call }) => {
    await sleep(random.below(spread.calls))
    return await call()
  })
  const settled = Promise.allSettled(first)
  await sleep(random.below(spread.kill))
  await world.killAndRestart(victim)

  const again = await Promise.all(trials.map(({ call }) => persist(call)))
  for (const [at, answer] of (await settled).entries()) {
    // Who had an answer before gets the same.
    if (answer.status === 'fulfilled') expect(again[at]).toEqual(answer.value)
    else expect(passing).toContain(asAshlarError(answer.reason).code)
  }
  await ground.expectLeft(trials)
  for (const { check } of trials) await check()
  await ground.expectLeft(trials)
  // Late repetitions change nothing.
  for (const [at, { call }] of trials.entries()) expect(await call()).toEqual(again[at])
  await ground.expectLeft(trials)
  await ground.expectNothingLeftOver()
}

beforeEach(async () => await ground.expectNothingLeftOver())

const of = (site: string) => changes.filter((use) => use.site === site)
describe.each([
  ['region', changes, 3],
  ['local-1', of('local-1'), 2],
  ['local-2', of('local-2'), 2],
] as const)('SIGKILL of %s', (victim, concerned, rounds) => {
  test('during every method at the same time, again and again', async () => {
    for (let at = 0; at < rounds; at++) await round(concerned, victim)
  })

  test.for(concerned)('during $name alone, 50 times', async (use, { skip }) => {
    skip(!soak, 'only in `npm run soak`')
    for (let at = 0; at < 50; at++) await round([use], victim)
  })
})

test('a node that hangs: the callers hear of it, and nothing is left', async () => {
  const idle = await ground.newVolume()
  const grown = await ground.newVolume()
  world.freeze('local-1')
  const grow = {
    volume: grown,
    updateMask: { paths: ['capacity_bytes'] },
    capacityBytes: String(8n * MiB),
    requestId: newRequestId(),
  }
  const calls = [
    client.volumes.createVolume({ name: 'late', zone: 'local-1', capacityBytes: String(MiB) }),
    client.volumes.createVolume({ name: 'late-too', zone: 'local-1', sourceSnapshot: 'base-cut' }),
    client.attachments.createAttachment({ volume: idle, host: 'host-1' }),
    client.snapshots.createSnapshot({ sourceVolume: 'subject', name: 'late' }),
    client.volumes.updateVolume(grow),
  ]
  try {
    for (const refused of await Promise.all(calls.map(refusal))) {
      expect(refused).toMatchObject(unavailable)
    }
  } finally {
    world.thaw('local-1')
  }
  const { capacityBytes } = await persist(() => client.volumes.updateVolume(grow))
  expect(capacityBytes).toBe(String(8n * MiB))
  await world.until(
    'what was refused is gone',
    async () => {
      await ground.expectLeft([{ leaves: { volumes: [idle, grown] } }])
      return true
    },
    30_000,
  )
  await ground.expectReadable(idle)
  await ground.expectReadable(grown)
  await ground.expectNothingLeftOver()
})

test('what a volume had not fetched when it was deleted is in its snapshots', async () => {
  const restored: string[] = []
  const snapshots: string[] = []
  for (let at = 0; at < 3; at++) {
    const name = ground.newName('v')
    await client.volumes.createVolume({ name, zone: 'local-2', sourceSnapshot: 'base-cut' })
    restored.push(name)
    snapshots.push(await ground.newSnapshot(name))
  }
  for (const volume of restored) await client.volumes.deleteVolume({ volume })
  await world.killAndRestart('local-2')
  for (const snapshot of snapshots) expect((await objects.stable(snapshot)).root).toBe(ground.root)
})

test('what was pinned for restored volumes is let go with them', async () => {
  const node = ground.nodes.get('local-2')
  const isReleased = async () => (await node?.records())?.origins.length === 0
  await world.until('the origin is released', isReleased)
})

function owedRows(): number {
  const catalog = new Database(join(world.folder, 'region', 'catalog.db'), { readonly: true })
  const counts = ['orders', 'sessions', 'attachments'].map((table) =>
    Number(catalog.prepare(`SELECT count(*) FROM ${table}`).pluck().get()),
  )
  catalog.close()
  return counts.reduce((sum, count) => sum + count, 0)
}

test('in the end the catalog owes nothing, and the pools are sound', async () => {
  await ground.expectReadable('base')
  await ground.expectNothingLeftOver()
  // Orders are delivered beside the calls that left them, and nobody else may look while the region runs.
  await world.until('nothing is owed', async () => {
    await world.signal('region', 'SIGKILL')
    const owed = owedRows()
    if (owed > 0) await world.start('region')
    return owed === 0
  })
  for (const zone of zones) await world.signal(zone, 'SIGKILL')
  for (const zone of zones) {
    const report = await world.must('pool-check', join(world.folder, zone, 'pool'))
    expect(report).toContain('sound')
  }
})
