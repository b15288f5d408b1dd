// Bits flipped in the store's records of commits, deletes and names: the region records anew what they
// said, and a catalog that is then lost comes back as it was. Where both are gone, nothing is made up.

import { cpSync, existsSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { newRequestId } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { type PlacedRecord, flipAt, flipIn, packsOf, recordsOf } from '../support/store-files.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'

const random = new Random(seedOf('damaged records'))
let region: WiredRegion
beforeEach(async () => {
  region = await WiredRegion.start(random, { zones: ['local-1', 'local-2'], wired: false })
  await region.makeSubject()
})
afterEach(async () => await region?.remove())

const data = () => join(region.world.folder, 'region')
const store = () => join(data(), 'store')
const catalog = () => join(data(), 'catalog.db')
const stop = async () => await region.world.signal('region', 'SIGTERM')
const start = async () => await region.world.start('region')
const collect = async () => await persist(async () => await region.client.operator.collectStore({}))
const names = async () => (await region.objects.snapshots()).map(({ name }) => name).sort()
const rebuild = async (...flags: readonly string[]): Promise<unknown> =>
  JSON.parse(await region.world.must('store-rebuild-catalog', data(), ...flags, '--output', 'json'))

async function take(): Promise<Taken> {
  await region.change()
  return await region.take()
}

async function rename({ id }: Taken): Promise<string> {
  const name = region.newName('other')
  await region.client.snapshots.updateSnapshot({
    snapshot: id,
    name,
    updateMask: { paths: ['name'] },
    requestId: newRequestId(),
  })
  return name
}

/** The last one of this snapshot. */
function recordOf({ id }: Taken): PlacedRecord {
  const found = recordsOf(store()).findLast(({ snapshotId }) => snapshotId === id)
  if (found === undefined) throw new Error(`no record of ${id}`)
  return found
}

function loseCatalog(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(catalog() + end, { force: true })
}

async function isSound(): Promise<boolean> {
  const { stdout } = await region.world.ashlar(['store-check', store(), '--output', 'json'])
  return (JSON.parse(stdout) as { readonly sound: boolean }).sound
}

async function collectsAgain(): Promise<void> {
  await region.world.until('it collects again', async () => {
    await region.client.operator.collectStore({})
    return true
  })
}

test('are recorded anew, by the next start and before a collection', async () => {
  const [kept, gone, renamed] = [await take(), await take(), await take()]
  await region.deleteSnapshot(gone.id)
  const name = await rename(renamed)
  expect(recordOf(gone).kind).toBe('delete')
  expect(recordOf(renamed).name).toBe(name)

  await stop()
  for (const record of [recordOf(kept), recordOf(renamed)]) flipIn(record, random)
  expect(await isSound()).toBe(false)
  await start()
  const isSaid = async () => region.world.said('region').includes('what they said is recorded anew')
  await region.world.until('it is recorded anew', isSaid, 30_000)
  flipIn(recordOf(gone), random)
  await collect()

  await stop()
  expect(await isSound()).toBe(true)
  loseCatalog()
  expect(await rebuild()).toMatchObject({ damaged: 0 })
  await start()
  expect(await names()).toEqual([kept.name, name].sort())
  await collectsAgain()
  for (const taken of [kept, renamed]) await region.restores(taken, 'local-2')
})

test('and headers of packs: the next collection writes those packs anew', async () => {
  const taken = await take()
  const hurt = packsOf(store())
  await stop()
  for (const path of hurt) flipAt(path, Math.floor(random.below(32)), random)
  expect(await isSound()).toBe(false)
  await start()
  await region.restores(taken, 'local-2')
  await collect()
  expect(packsOf(store()).filter((path) => hurt.includes(path))).toEqual([])
  await region.restores(taken, 'local-2')
  await stop()
  expect(await isSound()).toBe(true)
})

test('with the catalog lost too end its making, unless they are given up', async () => {
  const [kept, lost] = [await take(), await take()]
  await stop()
  flipIn(recordOf(lost), random)
  // Of the directory alone: it is read all the same.
  const { path } = recordOf(kept)
  flipAt(path, statSync(path).size - 60, random)
  cpSync(catalog(), `${catalog()}.old`)
  loseCatalog()
  const refused = await region.world.ashlar(['store-rebuild-catalog', data()])
  expect(refused).toMatchObject({ code: 8, stdout: '' })
  expect(refused.stderr).toMatch(
    /1 cannot be read \(.*the record of generation 2 is damaged\).*--missing.*--without-damaged/,
  )
  expect(existsSync(catalog())).toBe(false)

  // It still takes the older catalog, which knows what the record said.
  cpSync(`${catalog()}.old`, catalog())
  expect(await rebuild('--missing')).toMatchObject({ records: 0, damaged: 0 })
  loseCatalog()

  expect(await rebuild('--without-damaged')).toMatchObject({ records: 1, damaged: 1 })
  await start()
  expect(await names()).toEqual([kept.name])
  await collectsAgain()
  await region.restores(kept, 'local-2')
  await stop()
  expect(await isSound()).toBe(true)
  loseCatalog()
  expect(await rebuild()).toMatchObject({ damaged: 0 })
})
