// A daemon dies by SIGKILL while a call is under way, or right after it was sent; it is started again,
// and the call is repeated with its request_id. It ends with one object in the right state, and with
// nothing left over: not in the region, not in the nodes, not in the pools.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import { Client } from '../../src/client/client.js'
import type { Attachment__Output as Attachment } from '../../src/gen/ashlar/v1/Attachment.js'
import {
  MiB,
  Objects,
  ZoneApi,
  newRequestId,
  notFound,
  refusal,
  unavailable,
} from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { must, run } from '../support/tools.js'
import { World } from '../support/world.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const callsOfEach = 2
/** Calls take 5 to 30 ms here, some at a time, so that kills fall before, into and after them. */
const spreadMs = (calls: number) => ({ calls: 4 * calls, kill: 6 * calls })
const zones = ['local-1', 'local-2'] as const

let world: World
let client: Client
let objects: Objects
const nodes = new Map<string, ZoneApi>()
const kept: readonly string[] = ['base', 'subject']
/** Root of the content that every volume here begins with. */
let root: string

beforeAll(async () => {
  world = await World.start({ zones, poolCapacity: '512MiB' })
  client = new Client(world.endpoint)
  objects = new Objects(client)
  for (const zone of zones) nodes.set(zone, new ZoneApi(world.zoneEndpoint(zone)))
  // The one is what others are made from; the other, with the same content, is cut again and again.
  for (const name of ['base', 'subject']) {
    await client.volumes.createVolume({ name, zone: 'local-1', capacityBytes: String(4n * MiB) })
    const { id, nbdUnixUri } = await attach(name)
    const wrote = ['-c', 'write -P 0x11 0 1M', '-c', 'write -P 0x22 3M 1M', '-c', 'flush']
    await must('qemu-io', ['-f', 'raw', ...wrote, nbdUnixUri])
    await client.attachments.deleteAttachment({ attachment: id })
  }
  await client.snapshots.createSnapshot({ sourceVolume: 'base', name: 'base-cut' })
  root = (await objects.stable('base-cut')).root
})
afterAll(async () => {
  client?.close()
  for (const node of nodes.values()) node.close()
  await world?.remove()
})

async function expectContent(uri: string): Promise<void> {
  const reads = ['read -P 0x11 0 1M', 'read -P 0 1M 2M', 'read -P 0x22 3M 1M']
  const steps = reads.flatMap((each) => ['-c', each])
  expect(await must('qemu-io', ['-r', '-f', 'raw', ...steps, uri])).not.toContain('failed')
}
/** Attaches it, reads all of it, and detaches it. */
async function expectReadable(volume: string): Promise<void> {
  const { id, nbdUnixUri } = await attach(volume)
  await expectContent(nbdUnixUri)
  await client.attachments.deleteAttachment({ attachment: id })
}

const passing = new Set(['REMOTE_UNAVAILABLE', 'DEADLINE', 'SHUTTING_DOWN'])

/** As a careful caller does: again while the other side is away, and only then. */
async function persist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (thrown) {
      if (!passing.has(asAshlarError(thrown).code)) throw thrown
      await sleep(50)
    }
  }
}

/** Also while a node is just being found again. */
async function attach(volume: string): Promise<Attachment> {
  const request = { volume, host: 'host-1', requestId: newRequestId() }
  return await persist(() => client.attachments.createAttachment(request))
}

/** One call, from what it needs to what must be true in the end. */
interface Trial {
  /** Repeatable: always the same request_id and arguments. */
  readonly call: () => Promise<unknown>
  readonly check: () => Promise<void>
  /** Names of the objects there are in the end. */
  readonly leaves: {
    readonly volumes?: readonly string[]
    readonly snapshots?: readonly string[]
    readonly attached?: readonly string[]
  }
}

let made = 0
const newName = (what: string): string => `${what}-${++made}`

/** A volume with the content of all, at no cost. */
async function newVolume(): Promise<string> {
  const name = newName('v')
  const request = { name, zone: 'local-1', sourceSnapshot: 'base-cut', requestId: newRequestId() }
  await persist(() => client.volumes.createVolume(request))
  return name
}

async function newSnapshot(sourceVolume = 'subject'): Promise<string> {
  const name = newName('s')
  const request = { sourceVolume, name, requestId: newRequestId() }
  await persist(() => client.snapshots.createSnapshot(request))
  return name
}

function creating(zone: string, sourceSnapshot: string): Trial {
  const name = newName('v')
  const requestId = newRequestId()
  const capacityBytes = sourceSnapshot === '' ? String(4n * MiB) : '0'
  return {
    call: () =>
      client.volumes.createVolume({ name, zone, sourceSnapshot, capacityBytes, requestId }),
    check: async () => {
      expect(await client.volumes.getVolume({ volume: name })).toMatchObject({
        zone,
        status: 'VOLUME_STATUS_AVAILABLE',
        capacityBytes: String(4n * MiB),
      })
      if (sourceSnapshot !== '') return await expectReadable(name)
      const { nbdUnixUri, id } = await attach(name)
      await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0 0 4M', nbdUnixUri])
      await client.attachments.deleteAttachment({ attachment: id })
    },
    leaves: { volumes: [name] },
  }
}

type Method = readonly [name: string, begin: () => Promise<Trial>]
const methods: readonly Method[] = [
  ['CreateVolume', async () => creating('local-2', '')],
  ['CreateVolume from a cut', async () => creating('local-1', 'base-cut')],
  ['CreateVolume from the region', async () => creating('local-2', 'base-cut')],
  [
    'UpdateVolume',
    async () => {
      const volume = await newVolume()
      const { id, etag } = await client.volumes.getVolume({ volume })
      const name = newName('v')
      const updateMask = { paths: ['name', 'user_tags', 'capacity_bytes'] }
      const bytes = String(8n * MiB)
      const change = { name, userTags: ['x'], capacityBytes: bytes, etag, updateMask }
      const requestId = newRequestId()
      return {
        call: () => client.volumes.updateVolume({ volume: id, ...change, requestId }),
        check: async () => {
          const now = await client.volumes.getVolume({ volume: id })
          const available = { status: 'VOLUME_STATUS_AVAILABLE' }
          expect(now).toMatchObject({ ...available, name, userTags: ['x'], capacityBytes: bytes })
          expect(now.etag).not.toBe(etag)
          const attached = await attach(name)
          expect(attached.deviceBytes).toBe(bytes)
          expect((await must('nbdinfo', ['--size', attached.nbdUnixUri])).trim()).toBe(bytes)
          await client.attachments.deleteAttachment({ attachment: attached.id })
          await expectReadable(name)
        },
        leaves: { volumes: [name] },
      }
    },
  ],
  [
    'DeleteVolume',
    async () => {
      const volume = await newVolume()
      // Its data may still be on the way.
      const snapshot = await newSnapshot(volume)
      const requestId = newRequestId()
      return {
        call: () => client.volumes.deleteVolume({ volume, requestId }),
        check: async () => {
          const get = client.volumes.getVolume({ volume })
          expect(await refusal(get)).toMatchObject(notFound('volume'))
          expect((await objects.stable(snapshot)).root).toBe(root)
        },
        leaves: { snapshots: [snapshot] },
      }
    },
  ],
  [
    'CreateAttachment',
    async () => {
      const volume = await newVolume()
      const requestId = newRequestId()
      return {
        call: () => client.attachments.createAttachment({ volume, host: 'host-2', requestId }),
        check: async () => {
          const { attachments } = await client.attachments.listAttachments({ volume })
          const attached = { lifecycleState: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED' }
          expect(attachments).toMatchObject([{ ...attached, host: 'host-2' }])
          await expectContent(attachments[0]?.nbdUnixUri ?? '')
        },
        leaves: { volumes: [volume], attached: [volume] },
      }
    },
  ],
  [
    'DeleteAttachment',
    async () => {
      const volume = await newVolume()
      const { id: attachment, nbdUnixUri } = await attach(volume)
      const requestId = newRequestId()
      return {
        call: () => client.attachments.deleteAttachment({ attachment, requestId }),
        check: async () => {
          const get = client.attachments.getAttachment({ attachment })
          expect(await refusal(get)).toMatchObject(notFound('attachment'))
          expect((await run('nbdinfo', ['--size', nbdUnixUri])).code).not.toBe(0)
          await expectReadable(volume)
        },
        leaves: { volumes: [volume] },
      }
    },
  ],
  [
    'CreateSnapshot',
    async () => {
      const name = newName('s')
      const requestId = newRequestId()
      return {
        call: () => client.snapshots.createSnapshot({ sourceVolume: 'subject', name, requestId }),
        check: async () => {
          expect(await objects.stable(name)).toMatchObject({ root, lifecycleReasons: [] })
        },
        leaves: { snapshots: [name] },
      }
    },
  ],
  [
    'UpdateSnapshot',
    async () => {
      const { id, etag } = await client.snapshots.getSnapshot({ snapshot: await newSnapshot() })
      const name = newName('s')
      const change = { name, userTags: ['x'], updateMask: { paths: ['name', 'user_tags'] }, etag }
      const requestId = newRequestId()
      return {
        call: () => client.snapshots.updateSnapshot({ snapshot: id, ...change, requestId }),
        check: async () => {
          expect(await objects.stable(id)).toMatchObject({ name, userTags: ['x'], root })
        },
        leaves: { snapshots: [name] },
      }
    },
  ],
  [
    'DeleteSnapshot',
    async () => {
      // It may be pending or stable.
      const snapshot = await newSnapshot()
      const requestId = newRequestId()
      return {
        call: () => client.snapshots.deleteSnapshot({ snapshot, requestId }),
        check: async () => {
          const get = client.snapshots.getSnapshot({ snapshot })
          expect(await refusal(get)).toMatchObject(notFound('snapshot'))
        },
        leaves: {},
      }
    },
  ],
]

/** What all of these trials leave, as the region lists it. */
async function expectLeft(trials: readonly Pick<Trial, 'leaves'>[]): Promise<void> {
  const all = (what: keyof Trial['leaves']) => trials.flatMap(({ leaves }) => leaves[what] ?? [])
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)
  expect(names(await objects.volumes()).sort()).toEqual([...kept, ...all('volumes')].sort())
  expect(names(await objects.snapshots()).sort()).toEqual(['base-cut', ...all('snapshots')].sort())
  const attached = (await objects.attachments()).map(({ volume }) => volume?.name ?? '')
  expect(attached.sort()).toEqual([...all('attached')].sort())
}

/** Deletes all but the base; then no node may have anything else either. */
async function expectNothingLeftOver(): Promise<void> {
  for (const { id } of await objects.attachments()) {
    await client.attachments.deleteAttachment({ attachment: id })
  }
  for (const { id, name } of await objects.snapshots()) {
    if (name !== 'base-cut') await client.snapshots.deleteSnapshot({ snapshot: id })
  }
  for (const { id, name } of await objects.volumes()) {
    if (!kept.includes(name)) await client.volumes.deleteVolume({ volume: id })
  }
  await expectLeft([])
  const ids = (await objects.volumes()).map(({ id }) => id).sort()
  const cut = await client.snapshots.getSnapshot({ snapshot: 'base-cut' })
  const isLeft = async () => {
    for (const [zone, node] of nodes) {
      const { volumes, cuts, attachments, tombstones } = await node.records()
      const found = volumes.map(({ volumeId }) => volumeId).sort()
      expect(found).toEqual(zone === 'local-1' ? ids : [])
      const others = cuts.filter(({ hidden, snapshotId }) => !hidden && snapshotId !== cut.id)
      expect([others, attachments, tombstones]).toEqual([[], [], []])
    }
    return true
  }
  await world.until('the nodes have the two volumes and nothing else', isLeft, 60_000)
}

const seed = seedOf('restart')
const random = new Random(seed)

async function round(concerned: readonly Method[], victim: string): Promise<void> {
  const trials: Trial[] = []
  for (let at = 0; at < callsOfEach; at++) {
    for (const [, begin] of concerned) trials.push(await begin())
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
  await expectLeft(trials)
  for (const { check } of trials) await check()
  await expectLeft(trials)
  // Late repetitions change nothing.
  for (const [at, { call }] of trials.entries()) expect(await call()).toEqual(again[at])
  await expectLeft(trials)
  await expectNothingLeftOver()
}

beforeEach(expectNothingLeftOver)

// local-2 takes part in what is created there; the rest is of local-1, and all of it the region's.
const far: readonly string[] = ['CreateVolume', 'CreateVolume from the region']
describe.each([
  ['region', methods, 3],
  ['local-1', methods.filter(([name]) => !far.includes(name)), 2],
  ['local-2', methods.filter(([name]) => far.includes(name)), 2],
] as const)('SIGKILL of %s', (victim, concerned, rounds) => {
  test('during every method at the same time, again and again', async () => {
    for (let at = 0; at < rounds; at++) await round(concerned, victim)
  })

  test.for(concerned)('during %s alone, 50 times', async (method, { skip }) => {
    skip(!soak, 'only in `npm run soak`')
    for (let at = 0; at < 50; at++) await round([method], victim)
  })
})

test('a node that hangs: the callers hear of it, and nothing is left', async () => {
  const idle = await newVolume()
  const grown = await newVolume()
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
      await expectLeft([{ leaves: { volumes: [idle, grown] } }])
      return true
    },
    30_000,
  )
  await expectReadable(idle)
  await expectReadable(grown)
  await expectNothingLeftOver()
})

test('what a volume had not fetched when it was deleted is in its snapshots', async () => {
  const restored: string[] = []
  const snapshots: string[] = []
  for (let at = 0; at < 3; at++) {
    const name = newName('v')
    await client.volumes.createVolume({ name, zone: 'local-2', sourceSnapshot: 'base-cut' })
    restored.push(name)
    snapshots.push(await newSnapshot(name))
  }
  for (const volume of restored) await client.volumes.deleteVolume({ volume })
  await world.killAndRestart('local-2')
  for (const snapshot of snapshots) expect((await objects.stable(snapshot)).root).toBe(root)
})

test('what was pinned for restored volumes is let go with them', async () => {
  const node = nodes.get('local-2')
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
  await expectReadable('base')
  await expectNothingLeftOver()
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
