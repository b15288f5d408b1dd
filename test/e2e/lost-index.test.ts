// The store's index or the region's catalog is deleted, or is yesterday's: the next start or the offline
// commands bring back what the packs say, every snapshot has its bytes, and nothing is collected too early.

import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import { newRequestId, refusal } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { WiredRegion, persist } from '../support/wired-region.js'

const random = new Random(seedOf('lost index'))
let region: WiredRegion
beforeEach(async () => {
  region = await WiredRegion.start(random, { zones: ['local-1', 'local-2'], wired: false })
  await region.makeSubject()
})
afterEach(async () => await region?.remove())

const data = () => join(region.world.folder, 'region')
const store = () => join(data(), 'store')
const index = () => join(store(), 'index')
const catalog = () => join(data(), 'catalog.db')
const stop = async () => await region.world.signal('region', 'SIGKILL')
const start = async () => await region.world.start('region')
const collect = async () => await persist(async () => await region.client.operator.collectStore({}))
const names = async () => (await region.objects.snapshots()).map(({ name }) => name).sort()

async function take() {
  await region.change()
  return await region.take()
}

async function checked(): Promise<{
  readonly sound: boolean
  readonly missing_from_index: number
}> {
  const { stdout } = await region.world.ashlar(['store-check', store(), '--output', 'json'])
  return JSON.parse(stdout) as { sound: boolean; missing_from_index: number }
}

describe('an index', () => {
  test('that is deleted is made anew by the next start', async () => {
    const both = [await take(), await take()]
    await stop()
    rmSync(index(), { recursive: true })
    await start()
    for (const taken of both) await region.restores(taken, 'local-2')
    const next = await take()
    await region.deleteSnapshot(both[0]?.id ?? '')
    await collect()
    await region.restores(next, 'local-2')
    await region.expectNothingLeft()
  })

  test('that is deleted under a running region is made anew by the next', async () => {
    const taken = await take()
    rmSync(index(), { recursive: true })
    // It may refuse what it cannot write; it must not lose what it has.
    const { name } = { name: region.newName('late') }
    const late = { sourceVolume: 'subject', name, requestId: newRequestId() }
    await region.client.snapshots.createSnapshot(late).catch(() => undefined)
    await stop()
    await start()
    await region.restores(taken, 'local-2')
    const { id } = await persist(async () => await region.client.snapshots.createSnapshot(late))
    const { image, root } = await region.imageOf(name)
    await region.restores({ id, name, image, root }, 'local-2')
  })

  test('is made anew offline, and the check says before what it lacks', async () => {
    const taken = await take()
    await stop()
    expect(await checked()).toMatchObject({ sound: true, missing_from_index: 0 })
    rmSync(index(), { recursive: true })
    expect((await checked()).missing_from_index).toBeGreaterThan(0)
    expect(await region.world.must('store-rebuild-index', store())).toContain('rebuilt')
    expect(await checked()).toMatchObject({ sound: true, missing_from_index: 0 })
    await start()
    await region.restores(taken, 'local-2')
  })

  test('of yesterday gets what it lacks, and loses what a collection has moved since', async () => {
    const gone = await take()
    await stop()
    cpSync(index(), `${index()}.yesterday`, { recursive: true })
    await start()
    const stays = await take()
    await region.deleteSnapshot(gone.id)
    await collect()
    await stop()
    rmSync(index(), { recursive: true })
    renameSync(`${index()}.yesterday`, index())
    await start()
    await region.restores(stays, 'local-2')
    await collect()
    await region.restores(await take(), 'local-2')
    await region.expectNothingLeft()
  })
})

function loseCatalog(): void {
  for (const end of ['', '-wal', '-shm']) rmSync(catalog() + end, { force: true })
}

describe('a catalog', () => {
  test('that is deleted comes back with what nodes need: clones, and volumes that still fetch', async () => {
    const [first, second] = [await take(), await take()]
    await region.clone(first, 'local-2')
    const request = { name: 'back', zone: 'local-2', sourceSnapshot: second.id }
    await region.client.volumes.createVolume(request)
    const { uri } = await region.attach('back')
    await stop()
    loseCatalog()
    await region.world.must('store-rebuild-catalog', data())
    await start()
    expect(await names()).toEqual([first.name, second.name].sort())

    // What was attached stays so, also while it has not got everything yet.
    await region.expectEqual(uri, second.image)
    await region.world.until('the clone is known again', async () => {
      const { clones } = await region.client.snapshots.listSnapshotClones({ snapshot: first.id })
      return clones[0]?.available === true
    })
    await collect()
    await region.expectEqual(uri, second.image)
    for (const taken of [first, second]) await region.restores(taken, 'local-1')
    for (const taken of [first, second]) await region.restores(taken, 'local-2')
  })

  test('that is deleted takes zones back one by one, whenever the region dies meanwhile', async () => {
    const { volumes, snapshots, operator } = region.client
    const far = { name: 'far', capacityBytes: String(1 << 20) }
    const { id } = await volumes.createVolume({ ...far, zone: 'local-2' })
    const first = await take()
    const taken = await snapshots.createSnapshot({ sourceVolume: 'far', name: 'f' })
    await region.stable(taken.id)
    const { id: attachment } = await region.attach('far')
    await region.world.signal('local-2', 'SIGKILL')
    await stop()
    loseCatalog()
    await region.world.must('store-rebuild-catalog', data())
    await start()
    const namesNow = async () => (await region.objects.volumes()).map(({ name }) => name).sort()
    await region.world.until('the first zone is back', async () => {
      return (await namesNow()).includes('subject')
    })
    // One zone is as ever, and the other is away.
    await volumes.createVolume({ ...far, zone: 'local-1' })
    const away = { name: 'late', zone: 'local-2', capacityBytes: String(1 << 20) }
    expect(await refusal(volumes.createVolume(away))).toMatchObject({ status: 'UNAVAILABLE' })
    expect(await operator.getStoreStats({})).toMatchObject({
      problems: [{ code: 'catalog_recovering' }],
    })
    expect(await refusal(operator.collectStore({}))).toMatchObject({
      status: 'FAILED_PRECONDITION',
    })
    const returning = region.world.start('local-2')
    for (let kills = 0; kills < 3; kills++) {
      await sleep(random.below(400))
      await stop()
      await start()
    }
    await returning
    await region.world.until('it collects again', async () => {
      await operator.collectStore({})
      return true
    })
    expect(await namesNow()).toEqual(['far', `far-${id.slice(-12)}`, 'subject'])
    expect(await region.objects.attachments()).toContainEqual(
      expect.objectContaining({
        id: attachment,
        volume: expect.objectContaining({ id }) as object,
      }),
    )
    await region.restores(first, 'local-2')
    await region.expectNothingLeft()
  })

  test('of yesterday learns what was deleted and collected since', async () => {
    const gone = await take()
    await region.world.signal('region', 'SIGTERM')
    cpSync(catalog(), `${catalog()}.yesterday`)
    await start()
    const stays = await take()
    await region.deleteSnapshot(gone.id)
    await collect()
    await stop()
    loseCatalog()
    renameSync(`${catalog()}.yesterday`, catalog())
    // Somebody calls from the first moment on.
    const early = persist(async () => {
      return await region.client.snapshots.deleteSnapshot({ snapshot: gone.id })
    }).catch((thrown: unknown) => asAshlarError(thrown).code)
    await start()
    expect(await early).toBe('CATALOG_BEHIND')
    const refused = await refusal(region.client.operator.collectStore({}))
    expect(refused).toMatchObject({ status: 'FAILED_PRECONDITION' })
    expect(refused.message).toContain('store-rebuild-catalog --missing')
    expect(await region.client.operator.getStoreStats({})).toMatchObject({
      problems: [{ code: 'catalog_behind' }],
    })
    await stop()
    await region.world.must('store-rebuild-catalog', data(), '--missing')
    await start()
    expect(await names()).toEqual([stays.name])
    await region.world.until('it collects again', async () => {
      await region.client.operator.collectStore({})
      return true
    })
    await region.restores(stays, 'local-2')
    await region.restores(await take(), 'local-2')
  })
})
