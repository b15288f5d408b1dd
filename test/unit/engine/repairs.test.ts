// What the store finds damaged comes from whoever else has it: the other region, or a node.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { parseCrn } from '../../../src/base/crn.js'
import type { SnapshotView } from '../../../src/engine/region/objects/views.js'
import { type RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'
import { TwoRegions } from '../../support/two-regions.js'

let regions: TwoRegions
let here: RegionWorld
let there: RegionWorld
beforeEach(async () => {
  regions = await TwoRegions.start()
  ;({ here, there } = regions)
  await here.region.volumes.create(volumeSpec({ name: 'v' }))
  here.store.content = () => Buffer.from('s')
  const sourceVolume = { kind: 'name', name: 'v' } as const
  await here.region.snapshots.create(snapshotSpec({ sourceVolume, name: 's' }))
  const { crn } = await stable(here, 's')
  const source = parseCrn(crn)
  const labels = { cloneZones: [], userTags: [], resourceGroup: 'default', requestId: '' }
  await there.region.snapshots.copy({ source, name: 'c', ...labels })
  await stable(there, 'c')
  await here.until(async () => (await get(here, 's')).copies.length === 1 || undefined, 'copies[]')
})
afterEach(async () => await regions.remove())

const get = (world: RegionWorld, name: string) => world.region.snapshots.get({ kind: 'name', name })
const stable = async (world: RegionWorld, name: string): Promise<SnapshotView> =>
  await world.until(async () => {
    const view = await get(world, name)
    return view.state === 'stable' ? view : undefined
  }, `${name} stable`)
const damage = async (world: RegionWorld, name: string) => {
  const row = await world.catalog.read.snapshots.holdingName(name)
  world.store.damaged.add(row?.manifest?.toString('hex') ?? '')
}
const mend = async (world: RegionWorld) =>
  await world.region.repairs.mend(new AbortController().signal)
const tidy = async () => {
  for (const world of [here, there]) {
    await world.until(
      async () =>
        (await world.catalog.read.pins.all()).every(({ purpose }) => purpose !== 'copy') ||
        undefined,
      'the pins to go',
    )
    expect(await world.catalog.read.sessions.all()).toEqual([])
  }
}

describe('damage', () => {
  test('of a copy is mended by its source', async () => {
    await damage(there, 'c')
    expect(await mend(there)).toBe(0)
    expect(regions.link.calls.filter((call) => call === 'pull')).toHaveLength(2)
    await tidy()
    expect((await get(here, 's')).copies).toHaveLength(1)
  })

  test('is mended as soon as the store has found it', async () => {
    await damage(there, 'c')
    there.store.damageFound.push('it is not what its id says')
    await there.until(() => there.store.damaged.size === 0 || undefined, 'it to be mended')
    await tidy()
  })

  test('of a source is mended by its copy', async () => {
    await damage(here, 's')
    expect(await mend(here)).toBe(0)
    expect(regions.back.calls).toContain('pull')
    await tidy()
  })

  test('is mended by a node that has the cut, while the other region is away', async () => {
    await damage(here, 's')
    regions.back.goAway()
    const { length } = here.pulls
    expect(await mend(here)).toBe(0)
    expect(here.pulls.slice(length)).toMatchObject([{ site: 'local' }])
    regions.back.away = undefined
    await tidy()
  })

  test('stays while nobody has what is damaged', async () => {
    await damage(there, 'c')
    regions.link.goAway()
    expect(await mend(there)).toBe(1)
    regions.link.away = undefined
    expect(await mend(there)).toBe(0)
    await tidy()
  })

  test('that no snapshot reaches asks nobody', async () => {
    there.store.damaged.add('garbage')
    const { length } = regions.link.calls
    expect(await mend(there)).toBe(1)
    expect(regions.link.calls).toHaveLength(length)
  })
})
