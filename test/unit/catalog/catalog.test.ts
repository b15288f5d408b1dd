// The catalog on a real file: what it refuses to open, what it keeps, and how it pages.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type Id, makeId } from '../../../src/base/ids.js'
import { Catalog } from '../../../src/catalog/catalog.js'
import type { New, SnapshotRow, VolumeRow } from '../../../src/catalog/rows.js'

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ash-'))
  path = join(folder, 'catalog.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const region = { name: 'local', number: 1 }
const open = (change: Partial<typeof region> = {}) =>
  Catalog.open({ path, region: { ...region, ...change }, newUuid: () => 'the-uuid' })

function volume(name: string, change: Partial<New<VolumeRow>> = {}): New<VolumeRow> {
  return {
    id: makeId(1),
    name,
    zone: 'zone-a',
    node: 'node-a',
    state: 'available',
    bytes: 1n << 46n,
    grantedBytes: 1n << 46n,
    revision: 1,
    labels: {
      userTags: ['one', 'two'],
      resourceGroup: 'default',
      operatingSystem: undefined,
      sourceImage: { id: 'i', crn: 'c', name: 'n' },
    },
    source: { kind: 'empty' },
    hydrated: true,
    fullSeal: false,
    auditedMs: undefined,
    createdMs: 1,
    ...change,
  }
}

function snapshot(name: string, source: { id: Id; name: string }): New<SnapshotRow> {
  return {
    id: makeId(1),
    name,
    state: 'captured',
    reason: { code: 'zone_unreachable', message: 'm' },
    zone: 'zone-a',
    node: 'node-a',
    sourceVolume: { ...source, zone: 'zone-a' },
    sourceSnapshot: undefined,
    bytes: 4096n,
    epoch: 7,
    capturedNs: 1_795_503_556_065_818_443n,
    rootHex: undefined,
    manifest: undefined,
    storedBytes: 0n,
    logicalBytes: 0n,
    transferredBytes: 0n,
    fullSeal: false,
    revision: 1,
    labels: {
      userTags: [],
      resourceGroup: 'default',
      operatingSystem: undefined,
      sourceImage: undefined,
    },
    createdMs: 1,
  }
}

describe('opening', () => {
  test('keeps its uuid and its rows', async () => {
    const first = await open()
    const row = volume('a')
    await first.write(async (tables) => await tables.volumes.insert(row))
    await first.close()
    const second = await Catalog.open({ path, region, newUuid: () => 'another' })
    expect(second.uuid).toBe('the-uuid')
    expect(await second.read.volumes.find(row.id)).toEqual({ ...row, seq: 1 })
    await second.close()
  })

  test('is refused while another daemon has it', async () => {
    const first = await open()
    await expect(open()).rejects.toMatchObject({ code: 'IN_USE' })
    await first.close()
  }, 15_000)

  test('is refused for another region', async () => {
    await (await open()).close()
    await expect(open({ name: 'other' })).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
    await expect(open({ number: 2 })).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
  })

  test('is refused for what is not a catalog', async () => {
    writeFileSync(path, 'x'.repeat(8192))
    await expect(open()).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
    rmSync(path)
    const other = new Database(path)
    other.exec('CREATE TABLE theirs (x)')
    other.close()
    await expect(open()).rejects.toMatchObject({ code: 'FOREIGN_FILE' })
  })

  test('is refused for a newer version', async () => {
    await (await open()).close()
    const raw = new Database(path)
    raw.pragma('user_version = 99')
    raw.close()
    await expect(open()).rejects.toMatchObject({ code: 'NEWER_FORMAT' })
  })
})

describe('an open catalog', () => {
  let catalog: Catalog
  beforeEach(async () => {
    catalog = await open()
  })
  afterEach(async () => await catalog.close())

  const insert = async (row: New<VolumeRow>) => {
    await catalog.write(async (tables) => await tables.volumes.insert(row))
    return row
  }

  test('gives a name to one volume, and takes it from one on its way out', async () => {
    const first = await insert(volume('a'))
    await expect(insert(volume('a'))).rejects.toMatchObject({
      code: 'NAME_DUPLICATE',
      field: 'name',
    })
    const second = await insert(volume('b'))
    const rename = catalog.write(
      async (tables) => await tables.volumes.update(second.id, { name: 'a' }),
    )
    await expect(rename).rejects.toMatchObject({ code: 'NAME_DUPLICATE' })
    await catalog.write(
      async (tables) => await tables.volumes.update(first.id, { state: 'deleting' }),
    )
    const third = await insert(volume('a'))
    expect((await catalog.read.volumes.holdingName('a'))?.id).toBe(third.id)
  })

  test('undoes a transaction that throws', async () => {
    const row = volume('a')
    const failed = catalog.write(async (tables) => {
      await tables.volumes.insert(row)
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await catalog.read.volumes.find(row.id)).toBeUndefined()
  })

  test('never gives a generation twice', async () => {
    const next = () => catalog.write(async (tables) => await tables.meta.nextGeneration())
    expect([await next(), await next()]).toEqual([1, 2])
    await catalog.close()
    catalog = await open()
    expect(await next()).toBe(3)
  })

  test('keeps nanoseconds and reasons', async () => {
    const row = snapshot('s', { id: makeId(1), name: 'v' })
    await catalog.write(async (tables) => await tables.snapshots.insert(row))
    expect(await catalog.read.snapshots.find(row.id)).toEqual({ ...row, seq: 1 })
    await catalog.write(async (tables) => await tables.snapshots.update(row.id, { reason: null }))
    expect((await catalog.read.snapshots.find(row.id))?.reason).toBeUndefined()
  })

  test('pages newest first, and what comes and goes meanwhile neither repeats nor hides', async () => {
    const rows: New<VolumeRow>[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) rows.push(await insert(volume(name)))
    const first = await catalog.read.volumes.page({}, { before: undefined, limit: 2 })
    expect(first.rows.map(({ name }) => name)).toEqual(['e', 'd'])
    expect(first.total).toBe(5)
    await insert(volume('f'))
    await catalog.write(async (tables) => await tables.volumes.remove(rows[2]?.id ?? makeId(1)))
    const second = await catalog.read.volumes.page({}, { before: first.next, limit: 2 })
    expect(second.rows.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(second.next).toBeUndefined()
  })

  test('filters', async () => {
    const a = await insert(volume('a', { zone: 'zone-b' }))
    const source = { kind: 'cut', snapshotId: makeId(1), snapshotName: 's' } as const
    const b = await insert(volume('b', { source, hydrated: false }))
    const c = await insert(volume('c', { state: 'creating' }))
    const attachment = {
      id: makeId(1),
      volumeId: a.id,
      host: 'h',
      readOnly: false,
      state: 'attached',
      createdMs: 1,
    } as const
    await catalog.write(async (tables) => await tables.attachments.insert(attachment))
    const ids = async (filter: Parameters<typeof catalog.read.volumes.page>[0]) =>
      (await catalog.read.volumes.page(filter, { before: undefined, limit: 10 })).rows.map(
        ({ id }) => id,
      )
    expect(await ids({ zone: 'zone-b' })).toEqual([a.id])
    expect(await ids({ userTag: 'two', name: 'b' })).toEqual([b.id])
    expect(await ids({ userTag: 'tw' })).toEqual([])
    expect(await ids({ attachmentState: 'attached' })).toEqual([a.id])
    expect(await ids({ attachmentState: 'unattached' })).toEqual([b.id])
    expect(await ids({ attachmentState: 'unusable' })).toEqual([c.id])
    expect(await ids({ sourceSnapshotId: source.snapshotId })).toEqual([b.id])
    expect(await ids({ resourceGroup: 'other' })).toEqual([])
  })

  test('keeps one attachment a volume', async () => {
    const { id: volumeId } = await insert(volume('a'))
    const attach = () =>
      catalog.write(
        async (tables) =>
          await tables.attachments.insert({
            id: makeId(1),
            volumeId,
            host: 'h',
            readOnly: true,
            state: 'attaching',
            createdMs: 1,
          }),
      )
    await attach()
    await expect(attach()).rejects.toThrow(/UNIQUE/)
  })

  test('keeps an order once', async () => {
    const order = { node: 'n', kind: 'dropCut', target: makeId(1), createdMs: 1 } as const
    await catalog.write(async (tables) => {
      await tables.orders.insert(order)
      await tables.orders.insert(order)
    })
    expect(await catalog.read.orders.ofNode('n')).toHaveLength(1)
  })
})
