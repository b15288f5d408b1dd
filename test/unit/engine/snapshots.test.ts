// Snapshots of a region, step by step: what each failure and each restart in the middle leaves.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { PullOutcome } from '../../../src/engine/puller.js'
import type { SnapshotView } from '../../../src/engine/region/objects/views.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
let volumeId: string
beforeEach(async () => {
  world = await RegionWorld.start()
  volumeId = (await world.region.volumes.create(volumeSpec({ name: 'v' }))).id
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const never = new Promise<never>(() => undefined)
const requestId = '6f9619ff-8b86-4011-b42d-00c04fc964ff'

const snap = (name = 's', change = {}) =>
  world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name, ...change }))
const get = (name = 's') => world.region.snapshots.get(named(name))
const remove = (name = 's') =>
  world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const restore = (change = {}) =>
  world.region.volumes.create(
    volumeSpec({ name: 'r', capacityBytes: undefined, sourceSnapshot: named('s'), ...change }),
  )
const until = (state: SnapshotView['state']) =>
  world.until(async () => {
    const view = await get()
    return view.state === state ? view : undefined
  }, `state ${state}`)
const ordered = (kind: string) => world.zones.a.orders.filter((order) => order.kind === kind)

function hold(): { readonly release: (outcome: PullOutcome) => void } {
  let release: (outcome: PullOutcome) => void = () => undefined
  const held = new Promise<PullOutcome>((resolve) => (release = resolve))
  world.pull = async (_channel, _open, signal) =>
    await Promise.race([
      held,
      new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
    ])
  return { release: (outcome) => release(outcome) }
}

describe('taking a snapshot', () => {
  test('answers when the cut is durable, and is stable when the data is', async () => {
    const { release } = hold()
    const view = await snap()
    expect(view).toMatchObject({
      state: 'pending',
      capturedNs: world.zones.a.capturedNs,
      minimumCapacityBytes: 64n << 20n,
      rootHex: '',
    })
    release({ kind: 'complete' })
    const stable = await until('stable')
    expect(stable.rootHex).toMatch(/^[0-9a-f]{64}$/)
    expect(stable.progress.percent).toBe(100)
    await world.until(() => world.zones.a.cuts.get(view.id)?.sealed === true || undefined, 'sealed')
    expect(await world.catalog.read.sessions.all()).toEqual([])
  })

  test('commits a generation, then the record, then the row', async () => {
    const seen: unknown[] = []
    world.store.beforeRecord = async ({ generation, kind }) => {
      const row = await world.catalog.read.snapshots.holdingName('s')
      seen.push([kind, generation, row?.state, BigInt(await world.catalog.read.meta.generation())])
    }
    await snap()
    await until('stable')
    await remove()
    expect(seen).toEqual([
      ['commit', 1n, 'committing', 1n],
      ['delete', 2n, undefined, 2n],
    ])
    expect(JSON.parse(String(world.store.records[0]?.row))).toMatchObject({ version: 1, name: 's' })
  })

  test('takes several of one volume at a time', async () => {
    const { release } = hold()
    await Promise.all([snap('s'), snap('t'), snap('u')])
    expect(world.zones.a.cuts.size).toBe(3)
    release({ kind: 'complete' })
    await until('stable')
  })

  test('passes on what the node refuses, and leaves nothing', async () => {
    world.zones.a.before = ({ kind }) => {
      if (kind === 'cut') throw new AshlarError('NO_SPACE', 'pool full')
    }
    await expect(snap('s', { requestId })).rejects.toMatchObject({ code: 'NO_SPACE' })
    await expect(get()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    expect(await world.catalog.read.requests.find(requestId)).toBeUndefined()
  })

  test('gives up after ten seconds, and a late cut is refused', async () => {
    let letGo = () => undefined as void
    const late = new Promise<void>((resolve) => (letGo = resolve))
    world.zones.a.before = ({ kind }) => (kind === 'cut' ? late : undefined)
    await expect(snap('s', { requestId })).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    await world.until(() => ordered('dropCut').length > 0 || undefined, 'the drop')
    letGo()
    await world.until(() => world.zones.a.cuts.size === 0 || undefined)
    expect(await world.catalog.read.requests.find(requestId)).toBeUndefined()
    expect((await snap()).state).toBe('pending')
  }, 30_000)
})

describe('a restart', () => {
  const restartDuring = async (step: 'before' | 'after') => {
    world.zones.a[step] = ({ kind }) => (kind === 'cut' ? never : undefined)
    snap().catch(() => undefined)
    await world.until(() => ordered('cut').length > 0 || undefined)
    await world.restart(() => {
      world.zones.a[step] = () => undefined
    })
  }

  test('before the cut undoes the snapshot', async () => {
    await restartDuring('before')
    await world.until(() => ordered('dropCut').length > 0 || undefined, 'the drop')
    await expect(get()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    expect(ordered('cut')).toHaveLength(1)
  })

  test('after the cut goes on with it', async () => {
    await restartDuring('after')
    expect((await until('stable')).capturedNs).toBe(world.zones.a.capturedNs)
    expect(ordered('cut')).toHaveLength(1)
  })

  test('with the node away waits for what it says', async () => {
    world.zones.a.after = ({ kind }) => (kind === 'cut' ? never : undefined)
    snap().catch(() => undefined)
    await world.until(() => world.zones.a.cuts.size > 0 || undefined)
    await world.restart(() => {
      world.zones.a.after = () => undefined
      world.zones.a.goAway()
    })
    expect(await get()).toMatchObject({ state: 'pending', reasons: [{ code: 'zone_unreachable' }] })
    world.zones.a.comeBack()
    await until('stable')
  })

  test('during the pull pulls again', async () => {
    hold()
    await snap()
    await world.restart(() => {
      world.pull = async () => ({ kind: 'complete' })
    })
    await until('stable')
  })

  test('between the record and the row commits again', async () => {
    world.store.beforeRecord = () => never
    await snap()
    await world.until(
      async () =>
        (await world.catalog.read.snapshots.holdingName('s'))?.state === 'committing' || undefined,
    )
    // Only a kill ends a write to the store; the old engine is left hanging.
    world.store.beforeRecord = () => undefined
    await world.restartHard()
    await until('stable')
    expect(world.store.records.map(({ generation }) => generation)).toEqual([2n])
  })

  test('repeats the seal until it is acknowledged', async () => {
    world.zones.a.before = ({ kind }) => {
      if (kind === 'sealed') throw new AshlarError('REMOTE_UNAVAILABLE', 'no')
    }
    const { id } = await snap()
    await until('stable')
    await world.restart(() => {
      world.zones.a.before = () => undefined
    })
    await world.until(() => world.zones.a.cuts.get(id)?.sealed === true || undefined, 'sealed')
    expect(await world.catalog.read.orders.ofNode('node-a')).toEqual([])
  })

  test('in the middle of a delete finishes it', async () => {
    await snap()
    await until('stable')
    world.store.beforeRecord = () => never
    remove().catch(() => undefined)
    await world.until(
      async () => (await world.catalog.read.snapshots.holdingName('s')) === undefined || undefined,
    )
    world.store.beforeRecord = () => undefined
    await world.restartHard()
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the drop')
    expect(world.store.records.map(({ kind }) => kind)).toEqual(['commit', 'delete'])
  })
})

describe('a pull that fails', () => {
  const failWith = (error: AshlarError) => {
    world.pull = async () => {
      throw error
    }
  }
  const reason = async () => (await get()).reasons[0]?.code

  test.each([
    ['a full region', 'NO_SPACE', 'region_full'],
    ['a lost connection', 'REMOTE_UNAVAILABLE', 'zone_unreachable'],
    ['a volume that hydrates', 'FAILED_PRECONDITION', 'source_volume_hydrating'],
  ] as const)('keeps the snapshot pending: %s', async (_what, code, word) => {
    failWith(new AshlarError(code, 'why'))
    await snap()
    await world.until(async () => (await reason()) === word || undefined, word)
    world.pull = async () => ({ kind: 'complete' })
    expect((await until('stable')).reasons).toEqual([])
  })

  test('fails the snapshot when the source stays corrupt, and drops the cut', async () => {
    failWith(new AshlarError('CORRUPT', `volume ${volumeId} at 4096`))
    await snap()
    const failed = await until('failed')
    expect(failed.reasons).toEqual([{ code: 'corrupt', message: `volume ${volumeId} at 4096` }])
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the drop')
    await expect(restore()).rejects.toMatchObject({ code: 'SNAPSHOT_FAILED' })
    expect(await remove()).toBeUndefined()
  })

  test('fails the snapshot when the cut is lost', async () => {
    const { release } = hold()
    await snap()
    world.zones.a.cuts.clear()
    world.zones.a.changed()
    release({ kind: 'refused', error: new AshlarError('SNAPSHOT_NOT_FOUND', 'no cut') })
    expect((await until('failed')).reasons[0]?.code).toBe('cut_lost')
  })
})

describe('deleting a snapshot', () => {
  test('cancels a pending one', async () => {
    hold()
    await snap()
    expect(await remove()).toBeUndefined()
    await expect(get()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the drop')
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'the tombstone to go')
    expect(world.store.records).toEqual([])
  })

  test('does not wait for a node that is away', async () => {
    await snap()
    await until('stable')
    world.zones.a.goAway()
    await world.until(
      () => world.region.context.links.get('node-a')?.state.kind === 'away' || undefined,
    )
    expect(await remove()).toBeUndefined()
    world.zones.a.comeBack()
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the drop')
  })

  test('leaves references with the last name', async () => {
    await snap()
    await until('stable')
    await restore({ zone: 'zone-b' })
    await world.region.snapshots.update({
      snapshot: named('s'),
      name: 't',
      etag: '',
      requestId: '',
    })
    await remove('t')
    const volume = await world.region.volumes.get(named('r'))
    expect(volume.sourceSnapshot).toMatchObject({ name: 't', deleted: true })
  })
})

describe('restoring', () => {
  test('from a pending snapshot works on its own node only', async () => {
    hold()
    const { id } = await snap()
    const view = await restore()
    expect(view).toMatchObject({ status: 'available', capacityBytes: 64n << 20n })
    expect(ordered('createVolume').at(-1)).toMatchObject({ cutSnapshotId: id })
    await expect(restore({ name: 'q', zone: 'zone-b' })).rejects.toMatchObject({
      code: 'SNAPSHOT_PENDING',
      field: 'source_snapshot',
    })
  })

  test('into another zone is pinned until the node no longer needs it', async () => {
    await snap()
    await until('stable')
    let pinned: unknown
    world.zones.b.before = async (order) => {
      if (order.kind !== 'createVolume') return
      pinned = (await world.catalog.read.pins.find(order.origin?.pinId as never))?.state
    }
    const view = await restore({ zone: 'zone-b' })
    expect(pinned).toBe('claimed')
    expect(view).toMatchObject({ health: 'degraded' })
    expect(view.healthReasons[0]?.code).toBe('initializing_from_snapshot')
    const [pin] = await world.catalog.read.pins.heldBy('node-b')
    expect(pin?.objectId).toBe(view.id)
    const open = (pinId: string, site: string) =>
      world.region.source.open({ snapshotId: pin?.snapshotId ?? '', pinId, site })
    await expect(open(pin?.id ?? '', 'node-a')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(open(view.id, 'node-b')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await remove()
    expect(await open(pin?.id ?? '', 'node-b')).toMatchObject({ baseAgreed: false })

    const record = world.zones.b.volumes.get(view.id)
    if (record !== undefined) record.hydrated = true
    world.zones.b.origins.clear()
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(
      async () => (await world.catalog.read.pins.heldBy('node-b')).length === 0 || undefined,
    )
    expect((await world.region.volumes.get(named('r'))).health).toBe('ok')
  })

  test('falls back to the region when the node has dropped the cut', async () => {
    const { id } = await snap()
    await until('stable')
    world.zones.a.before = ({ kind }) => {
      if (kind === 'createVolume') world.zones.a.cuts.delete(id)
    }
    await restore()
    expect(ordered('createVolume').at(-1)).toMatchObject({ origin: { snapshotId: id } })
  })

  test('keeps the cut until the volume is made from it', async () => {
    hold()
    const { id } = await snap()
    let letGo = () => undefined as void
    const wait = new Promise<void>((resolve) => (letGo = resolve))
    world.zones.a.before = ({ kind }) => (kind === 'createVolume' ? wait : undefined)
    const restored = restore()
    await world.until(() => ordered('createVolume').length > 1 || undefined)
    await remove()
    expect(world.zones.a.cuts.has(id)).toBe(true)
    letGo()
    expect((await restored).status).toBe('available')
    await world.until(() => !world.zones.a.cuts.has(id) || undefined, 'the drop')
  })

  test('needs at least the capacity of the snapshot', async () => {
    await snap()
    await until('stable')
    await expect(restore({ capacityBytes: 1n << 20n })).rejects.toMatchObject({
      code: 'CAPACITY_BELOW_MINIMUM',
      field: 'capacity_bytes',
    })
  })
})
