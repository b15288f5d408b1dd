// Records of the store that cannot be read any more: the region records anew what they said, and a
// collection drops them. The oracle: a catalog made from the records has what the region had.

import { randomUUID } from 'node:crypto'
import { copyFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { Catalog } from '../../../src/catalog/catalog.js'
import { applyRecords } from '../../../src/engine/region/upkeep/rebuild.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
  world.store.content = () => Buffer.from(`content ${world.pulls.length}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const stable = async (name: string) => {
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
  return await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === 'stable' ? view : undefined
  }, `${name} stable`)
}
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const rename = async (from: string, name: string) =>
  await world.region.snapshots.update({ snapshot: named(from), name, etag: '', requestId: '' })
const collect = async () => await world.region.operator.collect()
const generations = () => world.store.recordsRead.records.map(({ generation }) => generation)

const names = async (catalog: Catalog) => {
  const all = await catalog.read.snapshots.allStable()
  const rows = await Promise.all(all.map(async ({ id }) => await catalog.read.snapshots.find(id)))
  return rows.map((row) => row?.name ?? '').sort()
}
/** Of a catalog made from the records. */
const rebuilt = async (options: { known?: number; withoutDamaged?: boolean } = {}) => {
  const path = join(world.folder, `${randomUUID()}.db`)
  const region = { name: 'local', number: 1 }
  const catalog = await Catalog.open({ path, region, newUuid: randomUUID })
  try {
    const { known = 0 } = options
    await catalog.write(async ({ meta }) => await meta.recoveredTo(known))
    const applied = await applyRecords(catalog, world.store.recordsRead, options.withoutDamaged)
    return { names: await names(catalog), ...applied }
  } finally {
    await catalog.close()
  }
}

describe('a damaged record', () => {
  test('of a commit, a delete or a new name is recorded anew, and dropped by the collection', async () => {
    await stable('s')
    await stable('gone')
    await stable('old-name')
    await remove('gone')
    await rename('old-name', 't')
    for (const generation of [1n, 4n, 5n]) world.store.damagedRecords.add(generation)
    expect((await rebuilt({ withoutDamaged: true })).names).toEqual(['gone', 'old-name'])
    await collect()
    expect(world.store.damagedRecords.size).toBe(0)
    expect(generations()).toEqual([2n, 3n, 6n, 7n, 8n])
    expect(await rebuilt()).toMatchObject({ names: ['s', 't'], damaged: 0 })
    await collect()
    expect(generations()).toHaveLength(5)
  })

  test('that a later one stands for already is not recorded again', async () => {
    await stable('s')
    await rename('s', 't')
    world.store.damagedRecords.add(1n)
    await collect()
    expect(generations()).toEqual([2n])
    expect((await rebuilt()).names).toEqual(['t'])
  })

  test('is found by the next start', async () => {
    await stable('s')
    world.store.damagedRecords.add(1n)
    await world.restart()
    await world.until(() => generations().length === 1 || undefined, 'the new record')
    expect((await rebuilt({ known: 1 })).names).toEqual(['s'])
  })

  test('is recorded anew when the store has found damage', async () => {
    await stable('s')
    await world.region.context.clock.sleep(50)
    world.store.damagedRecords.add(1n)
    world.store.damageFound.push('the frame is damaged')
    await world.until(() => generations().length === 1 || undefined, 'the new record')
  })

  test('of a snapshot that is being deleted stays deleted', async () => {
    await stable('s')
    world.store.beforeRecord = ({ kind }) => {
      if (kind === 'delete') throw new AshlarError('NO_SPACE', 'full')
    }
    const deleting = remove('s')
    await world.until(async () => {
      const [row] = await world.catalog.read.snapshots.unsettled()
      return row?.state === 'deleting' || undefined
    })
    world.store.damagedRecords.add(1n)
    world.store.beforeRecord = () => undefined
    await deleting
    await world.until(
      async () => (await world.catalog.read.snapshots.unsettled()).length === 0 || undefined,
    )
    await collect()
    expect((await rebuilt()).names).toEqual([])
  })

  test('that cannot be recorded anew ends the collection, until there is room', async () => {
    await stable('s')
    world.store.damagedRecords.add(1n)
    world.store.beforeRecord = () => {
      throw new AshlarError('NO_SPACE', 'full')
    }
    await expect(collect()).rejects.toMatchObject({ code: 'CORRUPT' })
    world.store.beforeRecord = () => undefined
    await collect()
    expect((await rebuilt()).names).toEqual(['s'])
  })

  test('is left alone while the catalog does not know all', async () => {
    const path = join(world.folder, 'catalog.db')
    await stable('s')
    await world.restart(() => copyFileSync(path, `${path}.yesterday`))
    await stable('t')
    await world.restart(() => {
      renameSync(`${path}.yesterday`, path)
      world.store.damagedRecords.add(1n)
    })
    await expect(collect()).rejects.toMatchObject({ code: 'CATALOG_BEHIND' })
    await world.region.context.clock.sleep(50)
    expect(generations()).toEqual([2n])

    // What the catalog knows already does not matter to it.
    await world.restart(async () => {
      const catalog = await Catalog.open({ path, region: undefined, newUuid: randomUUID })
      expect(await applyRecords(catalog, world.store.recordsRead)).toMatchObject({ records: 1 })
      await catalog.close()
    })
    await collect()
    expect(generations()).toEqual([2n, 3n])
    expect((await rebuilt()).names).toEqual(['s', 't'])
  })
})

describe('a catalog from records of which some are damaged', () => {
  test('is refused, and says what can be done', async () => {
    await stable('s')
    await stable('t')
    world.store.damagedRecords.add(2n)
    const refused = rebuilt()
    await expect(refused).rejects.toMatchObject({ code: 'CORRUPT' })
    await expect(refused).rejects.toThrow(
      /1 cannot be read \(n-2.pack: the frame is damaged\).*--missing.*--without-damaged/,
    )
    await expect(rebuilt({ known: 1 })).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await rebuilt({ known: 2 })).toMatchObject({ records: 0, damaged: 0 })
  })

  test('is made without them where that is asked for', async () => {
    await stable('s')
    await stable('t')
    world.store.damagedRecords.add(1n)
    expect(await rebuilt({ withoutDamaged: true })).toEqual({
      names: ['t'],
      records: 1,
      generation: 2,
      damaged: 1,
    })
  })
})
