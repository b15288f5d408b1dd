// The offline commands of a chunk store, against real stores that are sound, in use and damaged.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { native } from '../../../src/native/binding.js'
import { ashlar } from './run-offline.js'

const catalogUuid = '6a2f41a3-c54c-4a4b-8d3e-0c0f4cd4e9d1'
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ashlar-store-cli-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

async function fill(): Promise<void> {
  const store = await native().openStore(folder, { catalogUuid })
  await native().storeRecord(store, { generation: 7n, kind: 'commit', row: Buffer.from('one') })
  await native().storeRecord(store, { generation: 9n, kind: 'delete', row: Buffer.from('two') })
  await native().closeStore(store)
}

function pack(): string {
  const name = readdirSync(join(folder, 'packs')).sort()[0]
  if (name === undefined) throw new Error('no pack')
  return join(folder, 'packs', name)
}

function flipByte(path: string, offset: number): void {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset)
  writeFileSync(path, bytes)
}

test('a sound store', async () => {
  await fill()
  const { code, out, err } = await ashlar('store-check', folder)
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toBe(
    `Store                    ${folder}\n` +
      'Result                   sound\n' +
      'Packs                    2\n' +
      'Frames                   2\n' +
      'Damaged frames           0\n' +
      'Damaged frames, unused   0\n' +
      'Unknown files            0\n' +
      'Missing from index       0\n' +
      'Dangling index entries   0\n' +
      'Deltas without base      0\n' +
      'Nodes without children   0\n' +
      'Quarantined              0\n' +
      'Problems                 -\n',
  )
})

test('a damaged store exits with 8 and says where, in stable fields', async () => {
  await fill()
  flipByte(pack(), 32 + 88 + 3)
  const { code, out } = await ashlar('store-check', folder, '--output', 'json')
  expect(code).toBe(8)
  const report: unknown = JSON.parse(out)
  expect(report).toMatchObject({
    store: folder,
    sound: false,
    packs: 2,
    frames: 2,
    damaged_frames: 1,
    dead_damaged_frames: 0,
    unknown_files: 0,
    missing_from_index: 0,
    dangling_index_entries: 0,
    deltas_without_base: 0,
    nodes_without_children: 0,
    quarantined: 0,
    problems: [expect.stringContaining(pack())],
  })
})

test('an index is made anew; what cannot be read is said', async () => {
  await fill()
  rmSync(join(folder, 'index'), { recursive: true })
  expect(await ashlar('store-check', folder)).toMatchObject({ code: 8 })
  expect(await ashlar('store-rebuild-index', folder)).toMatchObject({ code: 0, err: '' })
  expect(await ashlar('store-check', folder)).toMatchObject({ code: 0 })
  const damaged = pack()
  flipByte(damaged, readFileSync(damaged).length - 1)
  const rebuilt = await ashlar('store-rebuild-index', folder, '--output', 'json')
  expect(rebuilt.code).toBe(8)
  expect(JSON.parse(rebuilt.out)).toMatchObject({
    store: folder,
    whole: false,
    packs: 2,
    frames: 2,
    quarantined: 0,
    problems: [expect.stringContaining('the footer is damaged')],
  })
})

test.each(['store-check', 'store-rebuild-index'])('%s refuses a store in use', async (command) => {
  await fill()
  const store = await native().openStore(folder, { catalogUuid })
  const { code, err } = await ashlar(command, folder)
  await native().closeStore(store)
  expect(code).toBe(4)
  expect(err).toMatch(/another process has this store open/)
  expect(await ashlar(command, join(folder, 'absent'))).toMatchObject({ code: 3 })
})

test('the seam: records, totals and an empty collection', async () => {
  await fill()
  const store = await native().openStore(folder, { catalogUuid })
  const { records, damaged } = await native().storeRecords(store)
  expect(damaged).toEqual([])
  expect(records).toEqual([
    { generation: 7n, kind: 'commit', row: Buffer.from('one') },
    { generation: 9n, kind: 'delete', row: Buffer.from('two') },
  ])
  expect(await native().storeStats(store)).toMatchObject({
    packs: 2n,
    chunks: 0n,
    nodes: 0n,
    quarantined: 0n,
    highestGeneration: 9n,
  })
  expect(await native().storeQuarantine(store)).toEqual([])
  expect(await native().storeDamage(store)).toEqual([])
  await expect(native().collectEnd(store, { roots: [] })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
  })
  await expect(native().collectBegin(store, { roots: [Buffer.alloc(79)] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  const begun = { condemnedChunks: 0n, condemnedBytes: 0n }
  expect(await native().collectBegin(store, { roots: [] })).toEqual(begun)
  await expect(native().collectBegin(store, { roots: [] })).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
  })
  await native().collectAbort(store)
  await native().collectAbort(store)
  expect(await native().collectBegin(store, { roots: [] })).toEqual(begun)
  expect(await native().collectEnd(store, { roots: [] })).toEqual({
    freedBytes: 0n,
    packsDeleted: 0n,
    packsRewritten: 0n,
    chunksDropped: 0n,
    kept: [],
  })
  await native().closeStore(store)
  await expect(native().storeRecords(store)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await expect(native().collectBegin(store, { roots: [] })).rejects.toMatchObject({
    code: 'SHUTTING_DOWN',
  })
})
