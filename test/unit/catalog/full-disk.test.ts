// The catalog on a file system that is full to the last byte, or has no file left to give.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { Catalog, type Tables } from '../../../src/catalog/catalog.js'
import { SmallDisk, noSmallDisk } from '../../support/small-disk.js'

const reason = noSmallDisk()

let folder: string
let disk: SmallDisk
let catalog: Catalog | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ash-'))
})
afterEach(async () => {
  await catalog?.close()
  catalog = undefined
  disk?.unmount()
  rmSync(folder, { recursive: true, force: true })
})

const path = () => join(folder, 'catalog.db')
const hasReserve = () => statSync(join(folder, 'catalog.reserve'), { throwIfNoEntry: false })
async function open(): Promise<Catalog> {
  const region = { name: 'local', number: 1 }
  catalog = await Catalog.open({ path: path(), region, newUuid: () => 'the-uuid' })
  return catalog
}
async function openOn(options: string): Promise<Catalog> {
  disk = SmallDisk.mount(folder, options)
  return await open()
}

const noted = (node: string) => async (tables: Tables) =>
  await tables.nodes.put({ name: node, zone: 'z', nbdUnixPath: 'x'.repeat(200), nbdTcpAddress: '' })
const forgotten = (node: string) => async (tables: Tables) => await tables.nodes.remove(node)
const names = async (from: Catalog) => (await from.read.nodes.all()).map(({ name }) => name)

/** Until a write is refused; answers how many were not. */
async function writeUntilFull(to: Catalog): Promise<number> {
  for (let count = 0; ; count++) {
    try {
      await to.write(noted(`more-${count}`))
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'NO_SPACE', metadata: { path: path() } })
      return count
    }
  }
}

describe.skipIf(reason !== undefined)(`a disk${reason === undefined ? '' : ` (${reason})`}`, () => {
  test('that is full costs a transaction, and nothing else of the connection', async () => {
    const it = await openOn('size=8m')
    await it.write(noted('first'))
    disk.fill()
    const count = await writeUntilFull(it)
    expect(it.room.isFull).toBe(true)
    expect(await names(it)).toHaveLength(count + 1)
    // A body that fails still takes back what it did, and says why.
    const ours = new AshlarError('INTERNAL', 'ours')
    const failing = it.writeWithReserve(async (tables) => {
      await forgotten('first')(tables)
      throw ours
    })
    await expect(failing).rejects.toBe(ours)
    expect(await names(it)).toContain('first')
    disk.makeRoom()
    await it.write(noted('second'))
    expect(await names(it)).toContain('second')
    expect(it.room.isFull).toBe(false)
  })

  test('that is full in the middle of a large transaction takes none of it', async () => {
    const it = await openOn('size=8m')
    const large = it.write(async (tables) => {
      // More than the page cache: it goes to the log before the commit.
      for (let at = 0; at < 40_000; at++) await noted(`large-${at}`)(tables)
    })
    await expect(large).rejects.toMatchObject({ code: 'NO_SPACE' })
    expect(await names(it)).toEqual([])
    await it.writeWithReserve(noted('small'))
    expect(await names(it)).toEqual(['small'])
  })

  test('is asked for the reserve by what gives back, and gets it back when there is room', async () => {
    const it = await openOn('size=8m')
    await it.write(noted('first'))
    disk.fill()
    const count = await writeUntilFull(it)
    expect(hasReserve()).toBeDefined()
    // One after the other in the same blocks, however many.
    disk.fill()
    await it.writeWithReserve(forgotten('first'))
    expect(hasReserve()).toBeUndefined()
    disk.fill()
    for (let at = 0; at < count; at++) await it.writeWithReserve(forgotten(`more-${at}`))
    for (let times = 0; times < 500; times++) await it.writeWithReserve(noted('moved'))
    await expect(it.write(noted('second'))).rejects.toMatchObject({ code: 'NO_SPACE' })
    disk.makeRoom()
    expect(it.room.look()).toBe(true)
    expect(hasReserve()).toBeDefined()
  })

  test.each(['', '.new'])('takes back what a crash left of a reserve%s', async (end) => {
    disk = SmallDisk.mount(folder, 'size=8m')
    const left = join(folder, `catalog.reserve${end}`)
    writeFileSync(left, Buffer.alloc(64 << 10))
    const it = await open()
    expect(it.room.isFull).toBe(false)
    expect(readdirSync(folder).filter((name) => name.includes('reserve'))).toEqual([
      'catalog.reserve',
    ])
    expect(hasReserve()).toMatchObject({ size: 1 << 20 })
  })

  test('is told of changes once each', async () => {
    const it = await openOn('size=8m')
    const seen: boolean[] = []
    it.room.onChange((isFull) => seen.push(isFull))
    disk.fill()
    await writeUntilFull(it)
    await writeUntilFull(it)
    expect(it.room.look()).toBe(false)
    disk.makeRoom()
    expect(it.room.look()).toBe(true)
    expect(seen).toEqual([true, false])
  })

  test('that is full is opened, and found full', async () => {
    const it = await openOn('size=8m')
    await it.write(noted('first'))
    await it.close()
    disk.fill()
    const again = await open()
    expect(again.room.problem()).toMatchObject({ code: 'catalog_full' })
    expect(await names(again)).toEqual(['first'])
    await again.writeWithReserve(forgotten('first'))
    expect(await names(again)).toEqual([])
  })

  test('without a file left to give is opened with that of the reserve', async () => {
    const it = await openOn('size=8m,nr_inodes=12')
    await it.write(noted('first'))
    await it.close()
    disk.fillInodes()
    const again = await open()
    expect(again.room.isFull).toBe(true)
    expect(await names(again)).toEqual(['first'])
    await again.close()
    disk.fillInodes()
    await expect(open()).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining(path()) as string,
    })
  })

  test('too small for a catalog is named', async () => {
    disk = SmallDisk.mount(folder, 'size=64k')
    await expect(open()).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringContaining(path()) as string,
    })
  })
})
