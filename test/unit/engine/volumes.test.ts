// Volumes and attachments of a region: what is durable before what, and what a restart in the middle
// of anything leaves.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { makeId } from '../../../src/base/ids.js'
import { RegionWorld, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const byId = (id: ReturnType<typeof makeId>) => ({ kind: 'id', id }) as const
const never = new Promise<never>(() => undefined)
const requestId = '6f9619ff-8b86-4011-b42d-00c04fc964ff'

const create = (change = {}) => world.region.volumes.create(volumeSpec({ name: 'v', ...change }))
const attach = (host = 'h', change = {}) =>
  world.region.attachments.create({
    volume: named('v'),
    host,
    readOnly: false,
    wantTcp: false,
    requestId: '',
    ...change,
  })
const remove = (name = 'v', change = {}) =>
  world.region.volumes.delete({ target: named(name), etag: '', requestId: '', ...change })

describe('creating a volume', () => {
  test('writes the row before the order', async () => {
    let state: string | undefined
    world.zones.a.before = async () => {
      state = (await world.catalog.read.volumes.holdingName('v'))?.state
    }
    const view = await create()
    expect(state).toBe('creating')
    expect(view).toMatchObject({ status: 'available', health: 'ok', zone: 'zone-a', etag: '"1"' })
    expect(world.zones.a.volumes.get(view.id)?.bytes).toBe(64n << 20n)
  })

  test('picks a name when none is given', async () => {
    expect((await create({ name: '' })).name).toMatch(/^[a-z]+(-[a-z]+){3}$/)
  })

  test('leaves nothing when the node refuses', async () => {
    world.zones.a.before = () => {
      throw new AshlarError('NO_SPACE', 'pool full')
    }
    await expect(create({ requestId })).rejects.toMatchObject({ code: 'NO_SPACE' })
    expect(await world.catalog.read.volumes.holdingName('v')).toBeUndefined()
    world.zones.a.before = () => undefined
    expect((await create({ requestId })).status).toBe('available')
  })

  test('is refused at once while the zone is away', async () => {
    world.zones.a.goAway()
    const link = world.region.context.links.get('node-a')
    await world.until(() => link?.state.kind === 'away' || undefined)
    await expect(create()).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE', retryDelayMs: 1000 })
    expect(await world.catalog.read.volumes.holdingName('v')).toBeUndefined()
  })

  test('is taken back when the node does not answer in time', async () => {
    world.zones.a.after = ({ kind }) => (kind === 'createVolume' ? never : undefined)
    await expect(create({ requestId })).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    // The node had made it: the durable delete finds it.
    await world.until(() => world.zones.a.volumes.size === 0 || undefined, 'the delete')
    await world.until(
      async () => (await world.catalog.read.requests.find(requestId)) === undefined || undefined,
    )
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'the tombstone to go')
  }, 30_000)

  test('is finished after a restart in the middle', async () => {
    world.zones.a.before = () => never
    const lost = create({ requestId })
    lost.catch(() => undefined)
    await world.until(() => world.zones.a.orders.length > 0 || undefined)
    await world.restart(() => {
      world.zones.a.before = () => undefined
    })
    await expect(lost).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    const again = await create({ requestId })
    expect(again.status).toBe('available')
    expect(world.zones.a.volumes.size).toBe(1)
  })

  test.each([
    ['an unknown zone', { zone: 'nowhere' }, 'ZONE_NOT_FOUND', 'zone'],
    ['no capacity', { capacityBytes: undefined }, 'INVALID_ARGUMENT', 'capacity_bytes'],
    [
      'an unknown snapshot',
      { sourceSnapshot: named('s') },
      'SNAPSHOT_NOT_FOUND',
      'source_snapshot',
    ],
  ])('refuses %s', async (_what, change, code, field) => {
    await expect(create(change)).rejects.toMatchObject({ code, field })
  })
})

describe('repeating a request', () => {
  test('gets the first answer, also after the object has changed', async () => {
    const first = await create({ requestId })
    await world.region.volumes.update({ volume: named('v'), name: 'w', etag: '', requestId: '' })
    expect(await create({ requestId })).toEqual(first)
    expect(world.zones.a.volumes.size).toBe(1)
  })

  test('waits for the first when both are under way', async () => {
    const [one, two] = await Promise.all([create({ requestId }), create({ requestId })])
    expect(two.id).toBe(one.id)
  })

  test('is refused with other arguments or for another method', async () => {
    await create({ requestId })
    const other = { code: 'ID_REUSED', field: 'request_id' }
    await expect(create({ requestId, zone: 'zone-b' })).rejects.toMatchObject(other)
    await expect(remove('v', { requestId })).rejects.toMatchObject(other)
  })

  test('works for deletes', async () => {
    await create()
    expect(await remove('v', { requestId })).toBeUndefined()
    expect(await remove('v', { requestId })).toBeUndefined()
  })
})

describe('updating a volume', () => {
  const update = (change: object) =>
    world.region.volumes.update({ volume: named('v'), etag: '', requestId: '', ...change })

  test('moves the etag with name and tags only', async () => {
    await create()
    expect((await update({ capacityBytes: 128n << 20n })).etag).toBe('"1"')
    expect((await update({ userTags: ['x'] })).etag).toBe('"2"')
    await expect(update({ name: 'w', etag: '"1"' })).rejects.toMatchObject({
      code: 'ETAG_MISMATCH',
      field: 'etag',
    })
    expect((await update({ name: 'w', etag: '"2"' })).name).toBe('w')
  })

  test('grows in the node, and never shrinks', async () => {
    const { id } = await create()
    expect((await update({ capacityBytes: 128n << 20n })).capacityBytes).toBe(128n << 20n)
    expect(world.zones.a.volumes.get(id)?.bytes).toBe(128n << 20n)
    await expect(update({ capacityBytes: 64n << 20n })).rejects.toMatchObject({
      code: 'CAPACITY_SHRINK',
    })
  })

  test('keeps the old size when the node refuses', async () => {
    await create()
    world.zones.a.before = () => {
      throw new AshlarError('NO_SPACE', 'no')
    }
    await expect(update({ capacityBytes: 128n << 20n })).rejects.toMatchObject({ code: 'NO_SPACE' })
    const view = await world.region.volumes.get(named('v'))
    expect(view).toMatchObject({ capacityBytes: 64n << 20n, status: 'available' })
  })

  test('that the node refused to grow is grown by the same request later', async () => {
    const { id } = await create()
    const before = world.zones.a.before
    world.zones.a.before = () => {
      throw new AshlarError('NO_SPACE', 'no')
    }
    const change = { name: 'w', capacityBytes: 128n << 20n, requestId }
    await expect(update(change)).rejects.toMatchObject({ code: 'NO_SPACE' })
    await expect(update(change)).rejects.toMatchObject({ code: 'NO_SPACE' })
    world.zones.a.before = before
    expect(await update(change)).toMatchObject({ name: 'w', capacityBytes: 128n << 20n })
    expect(world.zones.a.volumes.get(id)?.bytes).toBe(128n << 20n)
    expect((await update(change)).etag).toBe('"2"')
  })
})

describe('attaching', () => {
  test('is one host at a time, and repeatable for that host', async () => {
    await create()
    const first = await attach()
    expect(first.state).toBe('attached')
    expect(first.nbdUnixUri).toBe(`nbd+unix:///${first.id}?socket=/run/node-a.nbd`)
    expect((await attach()).id).toBe(first.id)
    await expect(attach('other')).rejects.toMatchObject({ code: 'VOLUME_ATTACHED' })
    await expect(attach('h', { readOnly: true })).rejects.toMatchObject({ code: 'VOLUME_ATTACHED' })
    await expect(remove()).rejects.toMatchObject({ code: 'VOLUME_IN_USE', field: 'volume' })
  })

  test('says at once that there is no TCP listener', async () => {
    await create()
    await expect(attach('h', { wantTcp: true })).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      field: 'want_tcp',
    })
  })

  test('is finished after a restart in the middle', async () => {
    await create()
    world.zones.a.before = () => never
    attach().catch(() => undefined)
    await world.until(() => world.zones.a.orders.some(({ kind }) => kind === 'attach') || undefined)
    await world.restart(() => {
      world.zones.a.before = () => undefined
    })
    await world.until(() => world.zones.a.attachments.size === 1 || undefined, 'the attach')
    expect((await attach()).state).toBe('attached')
  })

  test('ends with a drain, and the tombstone is forgotten', async () => {
    await create()
    const { id } = await attach()
    expect(await world.region.attachments.delete({ attachment: id, requestId: '' })).toBeUndefined()
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'the tombstone to go')
    await expect(world.region.attachments.get(id)).rejects.toMatchObject({
      code: 'ATTACHMENT_NOT_FOUND',
    })
    expect(await remove()).toBeUndefined()
  })

  test('of a returning host waits for the detach under way', async () => {
    await create()
    const { id } = await attach()
    let release = () => undefined as void
    world.zones.a.before = ({ kind }) =>
      kind === 'detach' ? new Promise<void>((resolve) => (release = resolve)) : undefined
    const detached = world.region.attachments.delete({ attachment: id, requestId: '' })
    await world.until(() => world.zones.a.orders.some(({ kind }) => kind === 'detach') || undefined)
    const again = attach('other')
    release()
    await detached
    expect((await again).id).not.toBe(id)
  })
})

describe('deleting a volume', () => {
  test('is durable: a node that is away is told when it is back', async () => {
    const { id } = await create()
    world.zones.a.before = () => never
    const lost = remove()
    lost.catch(() => undefined)
    await world.until(
      async () => (await world.catalog.read.volumes.find(id))?.state === 'deleting' || undefined,
    )
    // Its name is free at once.
    expect(await world.catalog.read.volumes.holdingName('v')).toBeUndefined()
    await world.restart(() => {
      world.zones.a.before = () => undefined
    })
    await world.until(() => world.zones.a.volumes.size === 0 || undefined, 'the delete')
    await world.until(
      async () => (await world.catalog.read.volumes.find(id)) === undefined || undefined,
    )
    await world.until(() => world.zones.a.tombstones.size === 0 || undefined, 'the tombstone to go')
  })

  test('keeps a record that no row explains', async () => {
    world.zones.a.volumes.set('r001-00000000-0000-0000-0000-00000000000a', {
      volumeId: 'r001-00000000-0000-0000-0000-00000000000a',
      bytes: 1n << 20n,
      hydrated: true,
    })
    world.zones.a.revision++
    world.zones.a.changed()
    await create()
    await world.restart()
    expect(world.zones.a.volumes.size).toBe(2)
    expect(world.zones.a.orders.filter(({ kind }) => kind === 'deleteVolume')).toEqual([])
  })

  test('shows a volume whose record is lost as unusable', async () => {
    const { id } = await create()
    world.zones.a.volumes.clear()
    world.zones.a.changed()
    const view = await world.until(async () => {
      const view = await world.region.volumes.get(byId(id))
      return view.status === 'unusable' ? view : undefined
    })
    expect(view.statusReasons[0]?.code).toBe('record_missing')
  })
})
