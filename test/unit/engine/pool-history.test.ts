// A pool that went back in time, or that two nodes show: noticed, reported, and sealed around.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { makeLogger } from '../../../src/base/logger.js'
import { Catalog } from '../../../src/catalog/catalog.js'
import { PoolHistory, type ShownPool } from '../../../src/engine/region/nodes/pool-history.js'
import type { FakeZone } from '../../support/fake-zone.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

describe('what a node shows', () => {
  let folder: string
  let catalog: Catalog
  let errors: string[]
  let history: PoolHistory
  const restart = () => {
    const log = makeLogger({ name: 'test', level: 'silent' })
    // Only the words count here.
    log.error = (...told: unknown[]) => errors.push(String(told.at(-1)))
    history = new PoolHistory(catalog, log)
  }
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'ash-'))
    catalog = await Catalog.open({
      path: join(folder, 'catalog.db'),
      region: { name: 'local', number: 1 },
      newUuid: randomUUID,
    })
    errors = []
    restart()
  })
  afterEach(async () => {
    await catalog.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const shows = async (boot: number, opened: bigint, now: bigint, more: Partial<ShownPool> = {}) =>
    await history.note({
      node: 'a',
      bootId: `boot-${boot}`,
      poolId: 'pool-1',
      generation: now,
      openedGeneration: opened,
      ...more,
    })
  const codes = async () => (await catalog.read.pools.all()).map(({ reason }) => reason?.code)

  test('grows, and is restarted, killed or seen late without a word', async () => {
    await shows(1, 1n, 2n)
    await shows(1, 1n, 7n)
    await shows(2, 7n, 8n)
    // Checkpoints that the region did not see.
    await shows(3, 30n, 31n)
    restart()
    await shows(3, 30n, 31n)
    await shows(3, 30n, 32n)
    expect(errors).toEqual([])
    expect(await codes()).toEqual([undefined])
    expect(await catalog.read.pools.all()).toMatchObject([{ generation: 32n, bootId: 'boot-3' }])
  })

  test('is older than it was: said once, with both checkpoints', async () => {
    await shows(1, 1n, 12n)
    restart()
    await shows(2, 9n, 10n)
    await shows(2, 9n, 11n)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain('checkpoint 9')
    expect(errors[0]).toContain('checkpoint 12')
    expect(await codes()).toEqual(['pool_went_back'])
    await shows(3, 11n, 12n)
    expect(errors).toHaveLength(1)
  })

  // Recovery's own checkpoint brings a copy of one restart ago to where the pool was.
  test('is older than it was by one checkpoint, which opening it made good', async () => {
    await shows(1, 9n, 10n)
    await shows(2, 9n, 10n)
    expect(await codes()).toEqual(['pool_went_back'])
  })

  test('is what another node shows: said with both nodes, and held against both', async () => {
    await shows(1, 1n, 12n)
    await shows(1, 12n, 13n, { node: 'b', bootId: 'boot-b' })
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/node b shows pool pool-1, which a shows too/)
    expect(await codes()).toEqual(['pool_shared', 'pool_shared'])
    // Nothing makes it good while both show it.
    await history.look('a')
    expect(await codes()).toEqual(['pool_shared', 'pool_shared'])
  })

  test('is another pool than before', async () => {
    await shows(1, 1n, 12n)
    await shows(2, 1n, 2n, { poolId: 'pool-2' })
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/pool pool-2, and had pool pool-1 before/)
  })

  test('is nothing, where the node is too old to say', async () => {
    await shows(1, 0n, 0n, { poolId: '' })
    expect(await catalog.read.pools.all()).toEqual([])
  })
})

describe('a region', () => {
  let world: RegionWorld
  let contents = 0
  beforeEach(async () => {
    world = await RegionWorld.start()
    world.store.content = () => Buffer.from(`content ${++contents}`)
    await world.region.volumes.create(volumeSpec({ name: 'v' }))
  })
  afterEach(async () => await world.remove())

  const stable = async (name: string) => {
    await world.region.snapshots.create(
      snapshotSpec({ sourceVolume: { kind: 'name', name: 'v' }, name }),
    )
    return await world.until(async () => {
      const view = await world.region.snapshots.get({ kind: 'name', name })
      return view.state === 'stable' ? view : undefined
    }, `${name} stable`)
  }
  const zone = async (name = 'zone-a') => (await world.region.topology.zones(name))[0]
  const codes = async (name?: string) => (await zone(name))?.reasons.map(({ code }) => code)
  const link = (name: string) => world.region.context.links.get(name)
  const bounce = async (node: FakeZone, name: string, pool: Partial<FakeZone['pool']>) => {
    node.goAway()
    await world.until(() => link(name)?.state.kind === 'away' || undefined, 'away')
    node.comeBack()
    Object.assign(node.pool, pool)
    await world.until(() => link(name)?.state.kind === 'here' || undefined, 'here')
  }

  test('seals from everything once after a pool went back, and then as ever', async () => {
    const s = await stable('s')
    await bounce(world.zones.a, 'node-a', {})
    expect(await codes()).toEqual([])
    const t = await stable('t')
    await bounce(world.zones.a, 'node-a', { opened: 1n, generation: 2n })
    // The second copy of the same old pool is older than what was seen of the first.
    await bounce(world.zones.a, 'node-a', { opened: 1n, generation: 2n })
    expect(await codes()).toEqual(['pool_went_back'])
    expect(await zone()).toMatchObject({ status: 'impaired', nodesAvailable: 1 })
    await world.restart()
    expect(await codes()).toEqual(['pool_went_back'])
    const u = await stable('u')
    const v = await stable('v')
    const bases = world.pulls.map(({ snapshotId, baseSnapshotId }) => [snapshotId, baseSnapshotId])
    expect(bases).toEqual([
      [s.id, undefined],
      [t.id, s.id],
      [u.id, undefined],
      [v.id, u.id],
    ])
    await world.until(async () => ((await codes())?.length === 0 ? true : undefined), 'healed')
    expect(await zone()).toMatchObject({ status: 'available' })
  })

  test('holds a shared pool against both nodes until one of them is forgotten', async () => {
    await stable('s')
    await bounce(world.zones.b, 'node-b', { id: world.zones.a.pool.id })
    expect(await codes('zone-a')).toEqual(['pool_shared'])
    expect(await codes('zone-b')).toEqual(['pool_shared'])
    const t = await stable('t')
    expect(world.pulls.find(({ snapshotId }) => snapshotId === t.id)).not.toHaveProperty(
      'baseSnapshotId',
    )
    world.zones.b.goAway()
    await world.until(() => link('node-b')?.state.kind === 'away' || undefined, 'away')
    await world.region.operator.forgetZone('zone-b')
    world.zones.a.revision++
    world.zones.a.changed()
    await world.until(async () => ((await codes())?.length === 0 ? true : undefined), 'healed')
  })
})
