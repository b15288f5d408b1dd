// Fast-restore clones, step by step: what each failure, restart and delete in the middle leaves.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { Id } from '../../../src/base/ids.js'
import type { PullOutcome } from '../../../src/engine/puller.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const never = new Promise<never>(() => undefined)
const requestId = '6f9619ff-8b86-4011-b42d-00c04fc964ff'

const snap = (name = 's', change = {}) =>
  world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name, ...change }))
const stable = async (name = 's') =>
  await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === 'stable' ? view : undefined
  }, 'stable')
const spec = (zone = 'zone-b', name = 's') => ({ snapshot: named(name), zone, requestId: '' })
const clone = (zone?: string, name?: string) => world.region.clones.create(spec(zone, name))
const get = (zone?: string, name?: string) => world.region.clones.get(spec(zone, name))
const remove = (zone?: string, name?: string) => world.region.clones.delete(spec(zone, name))
const available = async (zone?: string, name?: string) =>
  await world.until(async () => {
    const view = await get(zone, name)
    return view.available ? view : undefined
  }, 'available')
const ordered = (kind: string, zone: 'a' | 'b' = 'b') =>
  world.zones[zone].orders.filter((order) => order.kind === kind)
const isOrdered = (kind: string, zone: 'a' | 'b' = 'b') =>
  world.until(() => ordered(kind, zone).length > 0 || undefined, kind)
/** A snapshot whose clone in zone-b is available. Answers the snapshot's id. */
const cloned = async () => {
  const { id } = await snap()
  await stable()
  await clone()
  await isOrdered('createClone')
  world.zones.b.finishClones(id)
  await available()
  return id
}
const pins = (node = 'node-b') => world.catalog.read.pins.heldBy(node)

function hold(): (outcome: PullOutcome) => void {
  let release: (outcome: PullOutcome) => void = () => undefined
  const held = new Promise<PullOutcome>((resolve) => (release = resolve))
  world.pull = async (_receive, _open, signal) =>
    await Promise.race([
      held,
      new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
    ])
  return (outcome) => release(outcome)
}

describe('a clone', () => {
  test('is pinned, ordered, and available when the node says so', async () => {
    const { id } = await snap()
    await stable()
    let pinned: unknown
    world.zones.b.before = async (order) => {
      if (order.kind !== 'createClone') return
      const pin = await world.catalog.read.pins.find(order.origin.pinId as Id)
      pinned = [pin?.state, pin?.purpose, pin?.holder, pin?.objectId === order.cloneId]
    }
    const view = await clone()
    expect(view).toMatchObject({ zone: 'zone-b', available: false, progress: { percent: 0 } })
    await isOrdered('createClone')
    expect(pinned).toEqual(['claimed', 'clone', 'node-b', true])
    expect(ordered('createClone')[0]).toMatchObject({ snapshotId: id, origin: { snapshotId: id } })
    expect((await get()).available).toBe(false)
    await world.until(async () => (await pins()).length === 1 || undefined, 'the pin is held')

    world.zones.b.finishClones(id)
    expect(await available()).toMatchObject({ progress: { percent: 100 }, reasons: [] })
    await world.until(async () => (await pins()).length === 0 || undefined, 'the pin to go')
    expect((await world.region.snapshots.get(named('s'))).clones).toMatchObject([
      { zone: 'zone-b', available: true },
    ])
  })

  test('lets its pin go also when the node was done before its answer was heard', async () => {
    const { id } = await snap()
    await stable()
    const { b } = world.zones
    b.recordsFirst = true
    b.after = async (order) => {
      if (order.kind !== 'createClone') return
      b.finishClones(id)
      // Long enough for the region to look at what the node says.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await clone()
    await available()
    await world.until(async () => (await pins()).length === 0 || undefined, 'the pin to go')
  })

  test('as does a restored volume', async () => {
    await snap()
    await stable()
    const { b } = world.zones
    b.recordsFirst = true
    b.after = async (order) => {
      const volume = order.kind === 'createVolume' ? b.volumes.get(order.volumeId) : undefined
      if (volume === undefined) return
      volume.hydrated = true
      b.origins.clear()
      b.revision++
      b.changed()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const from = { zone: 'zone-b', sourceSnapshot: named('s') }
    await world.region.volumes.create(volumeSpec({ name: 'back', ...from }))
    await world.until(async () => (await pins()).length === 0 || undefined, 'the pin to go')
  })

  test('in the zone of the source keeps the cut that is there', async () => {
    await snap()
    await stable()
    await clone('zone-a')
    await available('zone-a')
    expect(ordered('createClone', 'a')).toHaveLength(1)
    await world.until(async () => (await pins('node-a')).length === 0 || undefined, 'the pin to go')
  })

  test('asked for with the snapshot begins when that is stable', async () => {
    const release = hold()
    const { id, clones } = await snap('s', { cloneZones: ['zone-a', 'zone-b'] })
    expect(clones).toMatchObject([
      { zone: 'zone-a', available: false, reasons: [{ code: 'snapshot_pending' }] },
      { zone: 'zone-b', available: false, reasons: [{ code: 'snapshot_pending' }] },
    ])
    expect(ordered('createClone')).toEqual([])
    release({ kind: 'complete' })
    await stable()
    await isOrdered('createClone')
    world.zones.b.finishClones(id)
    await available('zone-a')
    await available('zone-b')
  })

  test('asked for twice is answered twice and made once', async () => {
    const release = hold()
    await snap()
    const first = await clone()
    expect(await clone()).toEqual(first)
    release({ kind: 'complete' })
    await stable()
    await isOrdered('createClone')
    expect(await world.catalog.read.clones.unsettled()).toHaveLength(1)
    expect(ordered('createClone')).toHaveLength(1)
  })

  test('repeats the first answer of a request_id', async () => {
    const { id } = await snap()
    await stable()
    const first = await world.region.clones.create({ ...spec(), requestId })
    await isOrdered('createClone')
    world.zones.b.finishClones(id)
    await available()
    expect(await world.region.clones.create({ ...spec(), requestId })).toEqual(first)
    await expect(
      world.region.clones.create({ ...spec('zone-a'), requestId }),
    ).rejects.toMatchObject({ code: 'ID_REUSED' })
  })

  test('builds on the newest clone of the same volume that is there', async () => {
    const first = await snap('one')
    await stable('one')
    await clone('zone-b', 'one')
    await isOrdered('createClone')
    world.zones.b.finishClones(first.id)
    await available('zone-b', 'one')
    await snap('two')
    await stable('two')
    await clone('zone-b', 'two')
    await world.until(() => ordered('createClone').length === 2 || undefined, 'the second')
    expect(ordered('createClone')[1]).toMatchObject({ baseSnapshotId: first.id })
  })

  test('is refused for what is not there', async () => {
    await snap()
    await expect(clone('zone-x')).rejects.toMatchObject({ code: 'ZONE_NOT_FOUND', field: 'zone' })
    await expect(clone('zone-b', 'x')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    await expect(get()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(remove()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(snap('t', { cloneZones: ['zone-x'] })).rejects.toMatchObject({
      code: 'ZONE_NOT_FOUND',
      field: 'clone_zones',
    })
    await expect(world.region.snapshots.get(named('t'))).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
    })
  })

  test('is refused for a snapshot that has failed, which takes its clones along', async () => {
    world.pull = async () => {
      throw new AshlarError('CORRUPT', 'bad')
    }
    await snap('s', { cloneZones: ['zone-b'] })
    await world.until(async () => {
      const { state, clones } = await world.region.snapshots.get(named('s'))
      return (state === 'failed' && clones.length === 0) || undefined
    })
    await expect(clone()).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' })
    await world.until(
      async () => (await world.catalog.read.clones.unsettled()).length === 0 || undefined,
    )
    expect(ordered('createClone')).toEqual([])
  })
})

describe('volumes from a clone', () => {
  test('are whole at once', async () => {
    const id = await cloned()
    const restore = { name: 'r', zone: 'zone-b', capacityBytes: undefined }
    const view = await world.region.volumes.create(
      volumeSpec({ ...restore, sourceSnapshot: named('s') }),
    )
    expect(view).toMatchObject({ health: 'ok', hydration: { percent: 100 } })
    expect(ordered('createVolume')[0]).toMatchObject({ cutSnapshotId: id })
    expect((await pins()).filter(({ purpose }) => purpose === 'restore')).toEqual([])
  })

  test('come from the region while it is not available', async () => {
    const { id } = await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    const restore = { name: 'r', zone: 'zone-b', capacityBytes: undefined }
    const view = await world.region.volumes.create(
      volumeSpec({ ...restore, sourceSnapshot: named('s') }),
    )
    expect(view.health).toBe('degraded')
    expect(ordered('createVolume')[0]).toMatchObject({ origin: { snapshotId: id } })
  })
})

describe('deleting', () => {
  test('the snapshot lets a volume be made from its clone first', async () => {
    await cloned()
    let letGo = () => undefined as void
    const wait = new Promise<void>((resolve) => (letGo = resolve))
    world.zones.b.before = ({ kind }) => (kind === 'createVolume' ? wait : undefined)
    const restore = { name: 'r', zone: 'zone-b', capacityBytes: undefined }
    const made = world.region.volumes.create(volumeSpec({ ...restore, sourceSnapshot: named('s') }))
    await isOrdered('createVolume')
    await world.region.snapshots.delete({ target: named('s'), etag: '', requestId: '' })
    expect(ordered('deleteClone')).toEqual([])
    letGo()
    expect((await made).health).toBe('ok')
    await isOrdered('deleteClone')
  })

  test('a clone drops it on its node, and its tombstone goes', async () => {
    await cloned()
    await remove()
    await expect(get()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await world.until(() => world.zones.b.clones.size === 0 || undefined, 'the clone to go')
    await world.until(() => world.zones.b.tombstones.size === 0 || undefined, 'the tombstone')
    expect((await world.region.snapshots.get(named('s'))).clones).toEqual([])
  })

  test('a snapshot leaves nothing on its own node while a clone elsewhere is on its way out', async () => {
    await cloned()
    world.zones.b.before = async ({ kind }) => (kind === 'deleteClone' ? await never : undefined)
    const target = named('s')
    await world.region.snapshots.delete({ target, etag: '', requestId: '' })
    await isOrdered('deleteClone')
    await isOrdered('dropCut', 'a')
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'the tombstone')
  })

  test.each(['before', 'after'] as const)('a clone whose order hangs %s it', async (when) => {
    await snap()
    await stable()
    let letGo = () => undefined as void
    const wait = new Promise<void>((resolve) => (letGo = resolve))
    world.zones.b[when] = ({ kind }) => (kind === 'createClone' ? wait : undefined)
    await clone()
    await isOrdered('createClone')
    await remove()
    await expect(get()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    letGo()
    await isOrdered('deleteClone')
    await world.until(() => world.zones.b.clones.size === 0 || undefined, 'the clone to go')
    world.zones.b.origins.clear()
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(async () => (await pins()).length === 0 || undefined, 'the pin to go')
  })

  test('a clone waits for its node, and another begins only then', async () => {
    await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    world.zones.b.goAway()
    await world.until(
      () => world.region.context.links.get('node-b')?.state.kind === 'away' || undefined,
    )
    await remove()
    const again = await clone()
    expect(again.available).toBe(false)
    world.zones.b.comeBack()
    await world.until(() => ordered('createClone').length === 2 || undefined, 'the second')
    expect(ordered('deleteClone')).toHaveLength(1)
    const kinds = world.zones.b.orders.map(({ kind }) => kind)
    expect(kinds.indexOf('deleteClone')).toBeLessThan(kinds.lastIndexOf('createClone'))
  })

  test('the snapshot takes its clones along, before the cut', async () => {
    await snap('s', { cloneZones: ['zone-a', 'zone-b'] })
    await stable()
    await available('zone-a')
    await isOrdered('createClone')
    let refuse = true
    world.zones.a.before = ({ kind }) => {
      if (kind === 'deleteClone' && refuse) throw new AshlarError('REMOTE_UNAVAILABLE', 'no')
    }
    await world.region.snapshots.delete({ target: named('s'), etag: '', requestId: '' })
    await isOrdered('deleteClone', 'a')
    expect(ordered('dropCut', 'a')).toEqual([])
    refuse = false
    await isOrdered('dropCut', 'a')
    await world.until(() => world.zones.a.clones.size === 0 || undefined)
    await world.until(() => world.zones.b.clones.size === 0 || undefined)
    const kinds = world.zones.a.orders.map(({ kind }) => kind)
    expect(kinds.indexOf('dropCut')).toBeGreaterThan(kinds.lastIndexOf('deleteClone'))
  })

  test('the snapshot leaves nothing in its own zone, also when that of the clone is away', async () => {
    await cloned()
    world.zones.b.goAway()
    const link = world.region.context.links.get('node-b')
    await world.until(() => link?.state.kind === 'away' || undefined)
    await world.region.snapshots.delete({ target: named('s'), etag: '', requestId: '' })
    await isOrdered('dropCut', 'a')
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'its tombstone to go')
    world.zones.b.comeBack()
    await world.until(() => world.zones.b.clones.size === 0 || undefined, 'the clone to go')
    await world.until(() => world.zones.b.tombstones.size === 0 || undefined, 'its tombstone')
  })

  test('a pending snapshot forgets clones that never began', async () => {
    hold()
    await snap('s', { cloneZones: ['zone-b'] })
    await world.region.snapshots.delete({ target: named('s'), etag: '', requestId: '' })
    await world.until(
      async () => (await world.catalog.read.clones.unsettled()).length === 0 || undefined,
    )
    expect(ordered('createClone')).toEqual([])
    expect(ordered('deleteClone')).toEqual([])
  })
})

describe('a restart', () => {
  test.each(['before', 'after'] as const)('%s the order is carried out', async (when) => {
    const { id } = await snap()
    await stable()
    world.zones.b[when] = ({ kind }) => (kind === 'createClone' ? never : undefined)
    await clone()
    await isOrdered('createClone')
    await world.restart(() => {
      world.zones.b[when] = () => undefined
    })
    await world.until(() => ordered('createClone').length === 2 || undefined, 'the repetition')
    expect(ordered('createClone')[1]).toEqual(ordered('createClone')[0])
    world.zones.b.finishClones(id)
    await available()
  })

  test('while it is built waits for the node', async () => {
    const { id } = await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    await world.restart(() => world.zones.b.finishClones(id))
    await available()
    expect(ordered('createClone')).toHaveLength(1)
  })

  test('while its snapshot is pending', async () => {
    hold()
    await snap('s', { cloneZones: ['zone-b'] })
    await world.restart(() => {
      world.pull = async () => ({ kind: 'complete' })
    })
    await isOrdered('createClone')
  })

  test('in the middle of its delete', async () => {
    await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    world.zones.b.before = ({ kind }) => (kind === 'deleteClone' ? never : undefined)
    await remove()
    await isOrdered('deleteClone')
    await world.restart(() => {
      world.zones.b.before = () => undefined
    })
    await world.until(() => world.zones.b.clones.size === 0 || undefined, 'the clone to go')
  })
})

describe('a node', () => {
  test('that is away makes it wait, with a reason', async () => {
    world.zones.b.goAway()
    await snap()
    await stable()
    await world.until(
      () => world.region.context.links.get('node-b')?.state.kind === 'away' || undefined,
    )
    await clone()
    await world.until(
      async () => (await get()).reasons[0]?.code === 'zone_unreachable' || undefined,
    )
    world.zones.b.comeBack()
    await isOrdered('createClone')
    expect((await get()).reasons).toEqual([])
  })

  test('that is full makes it wait, with a reason', async () => {
    await snap()
    await stable()
    world.zones.b.before = ({ kind }) => {
      if (kind === 'createClone') throw new AshlarError('NO_SPACE', 'pool full')
    }
    await clone()
    await world.until(async () => (await get()).reasons[0]?.code === 'pool_full' || undefined)
    world.zones.b.before = () => undefined
    await world.until(() => world.zones.b.clones.size === 1 || undefined, 'the clone')
  })

  test('that lost it gets it again, under another id', async () => {
    const { id } = await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    world.zones.b.finishClones(id)
    const { createdMs } = await available()
    world.zones.b.clones.clear()
    world.zones.b.cuts.clear()
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(() => ordered('createClone').length === 2 || undefined, 'the second')
    const [first, second] = ordered('createClone')
    expect(second).not.toMatchObject({ cloneId: first?.kind === 'createClone' && first.cloneId })
    expect(await get()).toMatchObject({ available: false, createdMs })
    world.zones.b.finishClones(id)
    await available()
  })
})

describe('a catalog made from records', () => {
  test('takes over the clones that the nodes have', async () => {
    const { id } = await snap()
    await stable()
    await clone()
    await isOrdered('createClone')
    world.zones.b.finishClones(id)
    const { available: was } = await available()
    expect(was).toBe(true)
    await world.catalog.write(async (tables) => {
      for (const row of await tables.clones.ofSnapshot(id)) await tables.clones.remove(row.id)
      await tables.meta.recoveredTo(0)
    })
    await expect(get()).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await world.restart()
    await available()
    await remove()
    await world.until(() => world.zones.b.clones.size === 0 || undefined, 'the clone to go')
  })
})

describe('lists', () => {
  test('are by zone, and snapshots are found by the zones of their clones', async () => {
    await snap('s', { cloneZones: ['zone-b', 'zone-a'] })
    await snap('t')
    expect((await world.region.clones.list(named('s'))).map(({ zone }) => zone)).toEqual([
      'zone-a',
      'zone-b',
    ])
    const page = { before: undefined, limit: 10 }
    const found = await world.region.snapshots.list({ cloneZone: 'zone-b' }, page)
    expect(found.rows.map(({ name }) => name)).toEqual(['s'])
    expect((await world.region.snapshots.list({ cloneZone: 'zone-c' }, page)).total).toBe(0)
  })
})
