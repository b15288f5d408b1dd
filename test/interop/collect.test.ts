// Collection and a lost catalog over real daemons: what only a deleted snapshot needed is given back,
// the others restore, and the store's records make the catalog anew.
// (Put at test/interop/collect.test.ts once the store's collection is on main.)

import { randomBytes } from 'node:crypto'
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface StoreView {
  readonly pack_bytes: string
}
interface Listed {
  readonly name: string
}

const dataBytes = 48 << 20
let world: World
let catalog: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '1GiB' })
  catalog = join(world.folder, 'region', 'catalog.db')
  await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '64MiB')
}, 60_000)
afterAll(async () => await world?.remove())

const image = (name: string) => join(world.folder, `${name}.raw`)
async function take(name: string): Promise<void> {
  writeFileSync(image(name), randomBytes(dataBytes))
  await must('truncate', ['-s', '64M', image(name)])
  const uri = await world.must('attach', 'data')
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image(name), uri])
  await world.must('detach', 'data')
  await world.must('snapshot-create', '--volume', 'data', '--name', name, '--wait')
}
async function restores(name: string): Promise<void> {
  const volume = `${name}-back`
  const from = ['--zone', 'local-2', '--source-snapshot', name]
  await world.must('volume-create', '--name', volume, ...from)
  const uri = await world.must('attach', volume)
  await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image(name), uri])
  await world.must('detach', volume)
  await world.must('volume-delete', '-f', volume)
}
const packBytes = async () => Number((await world.json<StoreView>('store-stats')).pack_bytes)
const names = async () => (await world.json<Listed[]>('snapshots')).map(({ name }) => name).sort()

test('what only a deleted snapshot needed is given back', async () => {
  await take('one')
  await take('two')
  const full = await packBytes()
  expect(full).toBeGreaterThan(2 * dataBytes)
  await world.must('snapshot-delete', '-f', 'one')
  await world.must('store-collect')
  expect(await packBytes()).toBeLessThan(dataBytes * 1.1 + (2 << 20))
  await restores('two')
  await world.killAndRestart('region')
  await world.must('store-collect')
  await restores('two')
}, 180_000)

test('a lost catalog comes back from the store', async () => {
  await take('three')
  await world.signal('region', 'SIGKILL')
  for (const end of ['', '-wal', '-shm']) rmSync(catalog + end, { force: true })
  await world.must('store-rebuild-catalog', join(world.folder, 'region'))
  await world.start('region')
  expect(await names()).toEqual(['three', 'two'])
  await restores('two')
  await restores('three')
  await world.must('store-collect')
  await restores('two')
}, 180_000)

test("yesterday's catalog gets what it missed", async () => {
  await world.signal('region', 'SIGTERM')
  copyFileSync(catalog, `${catalog}.yesterday`)
  await world.start('region')
  await world.must('volume-create', '--name', 'more', '--zone', 'local-1', '--size', '64MiB')
  await world.must('snapshot-create', '--volume', 'more', '--name', 'four', '--wait')
  await world.must('snapshot-delete', '-f', 'three')
  await world.signal('region', 'SIGTERM')
  for (const end of ['-wal', '-shm']) rmSync(catalog + end, { force: true })
  renameSync(`${catalog}.yesterday`, catalog)
  await world.start('region')
  expect((await world.ashlar(['store-collect'])).code).toBe(4)
  await world.signal('region', 'SIGTERM')
  await world.must('store-rebuild-catalog', join(world.folder, 'region'), '--missing')
  await world.start('region')
  expect(await names()).toEqual(['four', 'two'])
  await world.must('store-collect')
  await restores('two')
}, 180_000)
