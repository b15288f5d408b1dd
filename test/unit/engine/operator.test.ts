// What operators ask of a region: the end of a zone.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const snap = async (name: string) =>
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
const stateOf = async (name: string) => (await world.region.snapshots.get(named(name))).state
const away = async (zone: 'a' | 'b') => {
  world.zones[zone].goAway()
  await world.until(
    () => world.region.context.links.get(`node-${zone}`)?.state.kind === 'away' || undefined,
  )
}
const forget = async (zone: string) => await world.region.operator.forgetZone(zone)

describe('forgetting a zone', () => {
  test('is refused while a node of it is here, and for a zone nobody knows', async () => {
    await expect(forget('zone-a')).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      field: 'zone',
    })
    await expect(forget('zone-x')).rejects.toMatchObject({ code: 'ZONE_NOT_FOUND', field: 'zone' })
    expect((await world.region.volumes.get(named('v'))).status).toBe('available')
  })

  test('drops pins, volumes, attachments and orders, and what they kept is collected', async () => {
    await snap('s')
    await world.until(async () => (await stateOf('s')) === 'stable' || undefined)
    const restored = await world.region.volumes.create(
      volumeSpec({
        name: 'r',
        zone: 'zone-b',
        capacityBytes: undefined,
        sourceSnapshot: named('s'),
      }),
    )
    await world.region.attachments.create({
      volume: named('r'),
      host: 'h',
      readOnly: false,
      wantTcp: false,
      requestId: '',
    })
    await away('b')
    expect(await forget('zone-b')).toEqual({ pinsDropped: 1, volumesForgotten: 1 })
    await expect(world.region.volumes.get(named('r'))).rejects.toMatchObject({
      code: 'VOLUME_NOT_FOUND',
    })
    expect(await world.catalog.read.attachments.ofVolume(restored.id)).toBeUndefined()
    await world.region.snapshots.delete({ target: named('s'), etag: '', requestId: '' })
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(0)
    // Once more changes nothing, also after a restart.
    expect(await forget('zone-b')).toEqual({ pinsDropped: 0, volumesForgotten: 0 })
    await world.restart()
    expect(await forget('zone-b')).toEqual({ pinsDropped: 0, volumesForgotten: 0 })
  })

  test('fails the snapshots whose data was still there, and keeps the others', async () => {
    await snap('s')
    await world.until(async () => (await stateOf('s')) === 'stable' || undefined)
    world.pull = async (_receive, _open, signal) =>
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    const t = await snap('t')
    await away('a')
    await forget('zone-a')
    expect(await world.region.snapshots.get(named('t'))).toMatchObject({
      state: 'failed',
      capturedNs: t.capturedNs,
      reasons: [{ code: 'cut_lost' }],
    })
    expect(await stateOf('s')).toBe('stable')
    expect(await world.catalog.read.sessions.all()).toEqual([])
    expect(await world.catalog.read.nodesInUse()).toEqual(['node-a'])
    await world.region.snapshots.delete({ target: named('t'), etag: '', requestId: '' })
    expect(await world.catalog.read.nodesInUse()).toEqual([])
  })

  test('leaves what a node that comes back has with it', async () => {
    await away('a')
    await forget('zone-a')
    world.zones.a.comeBack()
    await world.until(
      () => world.region.context.links.get('node-a')?.state.kind === 'here' || undefined,
    )
    expect(world.zones.a.volumes.size).toBe(1)
    expect(world.zones.a.orders.some(({ kind }) => kind === 'deleteVolume')).toBe(false)
  })
})

test('the store is described without being made', async () => {
  expect(await world.region.operator.stats()).toMatchObject({
    catalogGeneration: 0,
    collectionGeneration: 0,
    sessions: 0,
    pins: 0,
    problems: [],
  })
})

describe('growing the pool of a node', () => {
  const grow = async (node: string) =>
    await world.region.operator.growPool(node, AbortSignal.timeout(60_000))

  test('is asked of the node, which says how large it is then', async () => {
    world.zones.b.poolSetting = () => 3n << 40n
    const sizes = { capacityBytes: 3n << 40n, capacityBeforeBytes: 1n << 40n }
    expect(await grow('node-b')).toEqual(sizes)
    expect(await grow('node-b')).toEqual({ ...sizes, capacityBeforeBytes: 3n << 40n })
    await world.until(() => {
      const { capacityBytes } = world.region.context.links.get('node-b')?.requireHere().node ?? {}
      return capacityBytes === 3n << 40n || undefined
    })
  })

  test('is refused for a node nobody knows, with those that are known, and for one that is away', async () => {
    await expect(grow('node-x')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      field: 'node',
      message: expect.stringContaining('it has node-a, node-b'),
    })
    await away('b')
    await expect(grow('node-b')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
  })
})
