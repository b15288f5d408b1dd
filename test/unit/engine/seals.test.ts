// What a snapshot is sealed against, and in which order: bases, queues, refusals, restarts.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { Id } from '../../../src/base/ids.js'
import type { Puller } from '../../../src/engine/puller.js'
import type { SnapshotView } from '../../../src/engine/region/objects/views.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
let contents = 0
beforeEach(async () => {
  world = await RegionWorld.start()
  world.store.content = () => Buffer.from(`content ${++contents}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const snap = async (name: string, volume = 'v') =>
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named(volume), name }))
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const until = async (name: string, state: SnapshotView['state']) =>
  await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === state ? view : undefined
  }, `${name} ${state}`)
const stable = async (name: string, volume = 'v') => {
  await snap(name, volume)
  return await until(name, 'stable')
}
const restore = async (name: string, from: string, zone = 'zone-b') =>
  await world.region.volumes.create(
    volumeSpec({ name, zone, capacityBytes: undefined, sourceSnapshot: named(from) }),
  )
const pullOf = (id: Id) => world.pulls.filter(({ snapshotId }) => snapshotId === id)

/** Holds back the pulls of these snapshots, by id, until they are let go or the job ends. */
function gate() {
  const waiting = new Map<string, () => void>()
  const open = new Set<string>()
  const pull: Puller['pull'] = async (_receive, { snapshotId }, signal) => {
    if (!open.has(snapshotId)) {
      await new Promise<void>((resolve, reject) => {
        waiting.set(snapshotId, resolve)
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    return { kind: 'complete' }
  }
  world.pull = pull
  return {
    waits: async (id: Id) => await world.until(() => waiting.has(id) || undefined, `pull of ${id}`),
    isWaiting: (id: Id) => waiting.has(id),
    letGo: (id: Id) => {
      open.add(id)
      waiting.get(id)?.()
    },
  }
}

describe('the base', () => {
  test('is the newest stable snapshot of the volume', async () => {
    const s = await stable('s')
    const t = await stable('t')
    const u = await stable('u')
    expect([s, t, u].map(({ id }) => pullOf(id)[0]?.baseSnapshotId)).toEqual([
      undefined,
      s.id,
      t.id,
    ])
    expect(world.store.ingests).toMatchObject([
      { listIsDelta: false },
      { listIsDelta: true, baseRootHex: s.rootHex },
      { listIsDelta: true, baseRootHex: t.rootHex },
    ])
    expect(world.store.ingests[0]).not.toHaveProperty('baseRootHex')
  })

  test('is an older one when the newest is deleted', async () => {
    const s = await stable('s')
    await stable('t')
    await remove('t')
    const u = await stable('u')
    expect(pullOf(u.id)[0]?.baseSnapshotId).toBe(s.id)
  })

  test('is the snapshot a volume was restored from, also when that is deleted meanwhile', async () => {
    const s = await stable('s')
    await restore('r', 's')
    const first = await stable('t', 'r')
    expect(pullOf(first.id)[0]?.baseSnapshotId).toBe(s.id)
    await remove('t')
    await remove('s')
    const second = await stable('u', 'r')
    expect(pullOf(second.id)[0]?.baseSnapshotId).toBe(s.id)
    expect(world.store.ingests.at(-1)).toMatchObject({ baseRootHex: s.rootHex })
  })

  test('is the source of a volume made from a cut, while that is in the catalog', async () => {
    const s = await stable('s')
    await restore('r', 's', 'zone-a')
    const t = await stable('t', 'r')
    expect(pullOf(t.id)[0]?.baseSnapshotId).toBe(s.id)
    await remove('t')
    await remove('s')
    const u = await stable('u', 'r')
    expect(pullOf(u.id)[0]).not.toHaveProperty('baseSnapshotId')
  })

  test('is never one of another volume', async () => {
    await stable('s')
    await world.region.volumes.create(volumeSpec({ name: 'w' }))
    const t = await stable('t', 'w')
    expect(pullOf(t.id)[0]).not.toHaveProperty('baseSnapshotId')
  })

  test('may be refused by the node: then the list is whole, and its tree is still asked first', async () => {
    const s = await stable('s')
    world.agrees = () => false
    await stable('t')
    expect(world.store.ingests.at(-1)).toMatchObject({ listIsDelta: false, baseRootHex: s.rootHex })
  })

  test.each(['FAILED_PRECONDITION', 'CORRUPT', 'NOT_FOUND'] as const)(
    'that answers %s is left away, once',
    async (code) => {
      await stable('s')
      world.store.beforeIngest = ({ baseRootHex }) => {
        if (baseRootHex !== undefined) throw new AshlarError(code, 'the base')
      }
      const t = await stable('t')
      expect(t.reasons).toEqual([])
      expect(pullOf(t.id)).toHaveLength(2)
      expect(pullOf(t.id)[1]).not.toHaveProperty('baseSnapshotId')
    },
  )

  test('is not to blame for what the node refuses', async () => {
    await stable('s')
    const error = new AshlarError('FAILED_PRECONDITION', 'the volume hydrates')
    world.pull = async () => ({ kind: 'refused', error })
    const t = await snap('t')
    await world.until(() => pullOf(t.id).length >= 2 || undefined, 'a second attempt')
    expect(pullOf(t.id).every(({ baseSnapshotId }) => baseSnapshotId !== undefined)).toBe(true)
  })

  test('is kept by the session while the job runs', async () => {
    const s = await stable('s')
    const pulls = gate()
    const { id } = await snap('t')
    await pulls.waits(id)
    await remove('s')
    const base = { rootHex: s.rootHex, manifest: expect.any(Buffer) as Buffer }
    expect(await world.catalog.read.sessions.all()).toMatchObject([
      { kind: 'ingest', snapshotId: id, base },
    ])
    pulls.letGo(id)
    await until('t', 'stable')
    expect(await world.catalog.read.sessions.all()).toEqual([])
  })

  test('that a node agrees to without having been offered one is a broken protocol', async () => {
    world.agrees = () => true
    await snap('s')
    const view = await world.until(async () => {
      const now = await world.region.snapshots.get(named('s'))
      return now.reasons.length > 0 ? now : undefined
    })
    expect(view).toMatchObject({ state: 'pending', reasons: [{ code: 'internal_error' }] })
  })
})

describe('an audit', () => {
  const look = async () => {
    const volume = await world.catalog.read.volumes.holdingName('v')
    if (volume === undefined) throw new Error('no volume')
    await world.catalog.write(
      async ({ volumes }) => await volumes.update(volume.id, { auditedMs: 0 }),
    )
    await world.region.audits.look()
    return await world.catalog.read.volumes.find(volume.id)
  }
  const sealed = async (id: Id) =>
    await world.until(() => world.zones.a.cuts.get(id)?.sealed === true || undefined, 'sealed')

  test('that finds the same root changes nothing, and is not repeated the same day', async () => {
    const { id } = await stable('s')
    await sealed(id)
    let audits = 0
    world.zones.a.auditRoot = (root) => {
      audits++
      return root
    }
    expect(await look()).toMatchObject({ fullSeal: false })
    await world.region.audits.look()
    expect(audits).toBe(1)
    expect((await world.region.snapshots.get(named('s'))).reasons).toEqual([])
    const t = await stable('t')
    expect(pullOf(t.id)[0]?.baseSnapshotId).toBe(id)
  })

  test('that finds another root says so, and one snapshot is sealed without a base', async () => {
    const { id } = await stable('s')
    await sealed(id)
    world.zones.a.auditRoot = () => 'f'.repeat(64)
    const pulls = gate()
    const t = await snap('t')
    const u = await snap('u')
    await pulls.waits(t.id)
    expect(await look()).toMatchObject({ fullSeal: true })
    expect(await world.region.snapshots.get(named('s'))).toMatchObject({
      state: 'stable',
      reasons: [{ code: 'audit_mismatch' }],
    })
    // t began before; u waits in line, and v comes later.
    world.pull = async () => ({ kind: 'complete' })
    pulls.letGo(t.id)
    await until('u', 'stable')
    expect(pullOf(u.id)[0]).not.toHaveProperty('baseSnapshotId')
    const w = await stable('w')
    expect(pullOf(w.id)[0]?.baseSnapshotId).toBe(u.id)
  })

  test('of a volume without a sealed cut, or whose node is away, waits', async () => {
    const { id } = await stable('s')
    await sealed(id)
    world.zones.a.goAway()
    await world.until(
      () => world.region.context.links.get('node-a')?.state.kind === 'away' || undefined,
    )
    expect(await look()).toMatchObject({ auditedMs: 0 })
  })

  test('that cannot read the cut is logged and not repeated at once', async () => {
    const { id } = await stable('s')
    await sealed(id)
    world.zones.a.auditRoot = () => {
      throw new AshlarError('CORRUPT', 'volume at 4096')
    }
    const volume = await look()
    expect(volume).toMatchObject({ fullSeal: false })
    expect(volume?.auditedMs).toBeGreaterThan(0)
  })
})

describe('jobs of one volume', () => {
  test('run in the order of their cuts, each on the one before', async () => {
    const pulls = gate()
    const [s, t, u] = [await snap('s'), await snap('t'), await snap('u')]
    await pulls.waits(s.id)
    expect((await world.region.snapshots.get(named('u'))).reasons).toMatchObject([
      { code: 'earlier_snapshot_pending' },
    ])
    expect([t, u].some(({ id }) => pulls.isWaiting(id))).toBe(false)
    pulls.letGo(s.id)
    await pulls.waits(t.id)
    expect(pulls.isWaiting(u.id)).toBe(false)
    pulls.letGo(t.id)
    pulls.letGo(u.id)
    expect((await until('u', 'stable')).reasons).toEqual([])
    expect(pullOf(u.id)[0]?.baseSnapshotId).toBe(t.id)
  })

  test('of different volumes do not wait for each other', async () => {
    await world.region.volumes.create(volumeSpec({ name: 'w' }))
    const pulls = gate()
    const s = await snap('s')
    const t = await snap('t', 'w')
    await pulls.waits(s.id)
    await pulls.waits(t.id)
  })

  test('skip one that fails', async () => {
    const s = await stable('s')
    let failing = ''
    world.pull = async (_receive, { snapshotId }) => {
      if (snapshotId === failing || failing === '') {
        failing = snapshotId
        throw new AshlarError('CORRUPT', 'volume at 4096')
      }
      return { kind: 'complete' }
    }
    await snap('t')
    const u = await snap('u')
    await until('t', 'failed')
    await until('u', 'stable')
    expect(pullOf(u.id)[0]?.baseSnapshotId).toBe(s.id)
  })

  test('skip one that is deleted', async () => {
    const pulls = gate()
    const t = await snap('t')
    const u = await snap('u')
    await pulls.waits(t.id)
    await remove('t')
    await pulls.waits(u.id)
    expect(pullOf(u.id)[0]).not.toHaveProperty('baseSnapshotId')
  })

  test('skip one whose deletion cannot be recorded yet', async () => {
    const pulls = gate()
    const s = await snap('s')
    const t = await snap('t')
    await pulls.waits(s.id)
    world.store.beforeRecord = ({ kind }) => {
      if (kind === 'commit') throw new AshlarError('NO_SPACE', 'full')
    }
    pulls.letGo(s.id)
    await world.until(
      async () =>
        (await world.catalog.read.snapshots.holdingName('s'))?.state === 'committing' || undefined,
    )
    await remove('s')
    await pulls.waits(t.id)
  })

  test('go on in order after a restart at any point', async () => {
    const pulls = gate()
    const [s, t, u] = [await snap('s'), await snap('t'), await snap('u')]
    await pulls.waits(s.id)
    await world.restart()
    await pulls.waits(s.id)
    pulls.letGo(s.id)
    await pulls.waits(t.id)
    await world.restart()
    await pulls.waits(t.id)
    pulls.letGo(t.id)
    pulls.letGo(u.id)
    await until('u', 'stable')
    expect(pullOf(t.id).map(({ baseSnapshotId }) => baseSnapshotId)).toEqual([s.id, s.id])
    expect(pullOf(u.id).map(({ baseSnapshotId }) => baseSnapshotId)).toEqual([t.id])
  })
})

describe('a snapshot whose data is complete', () => {
  test('is made stable after a restart without the node', async () => {
    world.store.beforeRecord = () => new Promise<never>(() => undefined)
    const { id } = await snap('s')
    await world.until(
      async () =>
        (await world.catalog.read.snapshots.find(id))?.state === 'committing' || undefined,
    )
    world.store.beforeRecord = () => undefined
    world.zones.a.goAway()
    await world.restartHard()
    await until('s', 'stable')
    expect(pullOf(id)).toHaveLength(1)
  })

  test('stays pending while the region is full, whatever became of the cut', async () => {
    world.store.beforeRecord = () => {
      throw new AshlarError('NO_SPACE', 'full')
    }
    const { id } = await snap('s')
    const full = async () =>
      (await world.region.snapshots.get(named('s'))).reasons[0]?.code === 'region_full' || undefined
    await world.until(full, 'the reason')
    world.zones.a.cuts.delete(id)
    world.zones.a.changed()
    await world.restart()
    await world.until(full, 'the reason')
    world.store.beforeRecord = () => undefined
    await until('s', 'stable')
  })
})

describe('what a snapshot says of its data', () => {
  test('is bytes stored, referred to and moved, once it is stable', async () => {
    world.store.content = () => Buffer.from('eleven char')
    const pulls = gate()
    const { id } = await snap('s')
    await pulls.waits(id)
    world.store.progress = { doneBytes: 30n, totalBytes: 100n }
    expect((await world.region.snapshots.get(named('s'))).progress).toMatchObject({
      doneBytes: 30n,
      totalBytes: 100n,
      percent: 30,
    })
    // The list grows; the bar does not go back.
    world.store.progress = { doneBytes: 40n, totalBytes: 400n }
    expect((await world.region.snapshots.get(named('s'))).progress.percent).toBe(30)
    pulls.letGo(id)
    expect(await until('s', 'stable')).toMatchObject({
      storedBytes: 11n,
      logicalBytes: 11n,
      transferredBytes: 11n,
      progress: { percent: 100 },
    })
    world.pull = async () => ({ kind: 'complete' })
    expect(await stable('t')).toMatchObject({ storedBytes: 0n, logicalBytes: 11n })
  })
})
