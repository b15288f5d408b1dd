// Absence is never an order: a node that comes back with another pool, or with that of yesterday, lists
// less than there was. When the right pool is back, nothing of it may have been given up.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
  world.store.content = () => Buffer.from(`content ${world.pulls.length}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const take = async (name: string) =>
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
const reaches = async (name: string, state: string) =>
  await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === state ? view : undefined
  }, `${name} ${state}`)
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const isHere = async (node: string) =>
  await world.until(
    () => world.region.context.links.get(node)?.state.kind === 'here' || undefined,
    node,
  )

/** The node is restarted on an empty pool; answers how it gets the right one back. */
async function swapPool(zone: 'a' | 'b'): Promise<() => Promise<void>> {
  const { volumes, cuts, attachments, origins, clones } = world.zones[zone]
  const tables: readonly Map<string, unknown>[] = [volumes, cuts, attachments, origins, clones]
  const before = tables.map((table) => [...table])
  const restart = async (change: () => void) => {
    world.zones[zone].goAway()
    await world.until(
      () => world.region.context.links.get(`node-${zone}`)?.state.kind === 'away' || undefined,
      'it to go',
    )
    change()
    world.zones[zone].comeBack()
    await isHere(`node-${zone}`)
    await world.region.context.clock.sleep(100)
  }
  await restart(() => {
    for (const table of tables) table.clear()
  })
  return async () =>
    await restart(() => {
      for (const [at, table] of tables.entries()) {
        for (const [key, value] of before[at] ?? []) table.set(key, value)
      }
    })
}

describe('a node that lists nothing of what it had', () => {
  test('keeps the pins of what its volumes still fetch', async () => {
    await take('s')
    await reaches('s', 'stable')
    const from = { capacityBytes: undefined, sourceSnapshot: named('s') }
    const r = await world.region.volumes.create(volumeSpec({ name: 'r', zone: 'zone-b', ...from }))
    await remove('s')
    const putBack = await swapPool('b')
    await world.region.operator.collect()
    await putBack()
    // Its content is still to be had.
    expect(world.store.held.size).toBe(1)
    expect(await world.catalog.read.pins.heldBy('node-b')).toMatchObject([{ objectId: r.id }])

    // What is deleted is given up.
    await world.region.volumes.delete({ target: named('r'), etag: '', requestId: '' })
    world.zones.b.origins.clear()
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(async () => (await world.catalog.read.pins.count()) === 0 || undefined, 'it')
  })

  test('keeps the cut of a snapshot that could not be pulled', async () => {
    let fail = true
    world.pull = async () => {
      if (fail) throw new Error('no such cut')
      return { kind: 'complete' }
    }
    const { id } = await take('s')
    const putBack = await swapPool('a')
    await reaches('s', 'failed')
    fail = false
    await putBack()
    await world.region.context.clock.sleep(100)
    expect(world.zones.a.cuts.has(id)).toBe(true)
    expect(world.zones.a.orders.some(({ kind }) => kind === 'dropCut')).toBe(false)

    // Only its owner gives it up.
    await remove('s')
    await world.until(() => !world.zones.a.cuts.has(id) || undefined, 'the drop')
  })
})
