// The seam of a seal: a cut's source and a store's ingest carried by hand, in full, as a difference
// from a base, and from a base that nobody here knows; an audit gives the same root.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type ChannelHandle,
  type IngestResult,
  type PoolHandle,
  type StoreHandle,
  native,
} from '../../src/native/binding.js'

const folder = mkdtempSync(join(tmpdir(), 'ash-seal-'))
const volumeId = 'r001-00000000-0000-0000-0000-00000000000a'
const first = 'r001-00000000-0000-0000-0000-00000000000b'
const second = 'r001-00000000-0000-0000-0000-00000000000c'
const nobody = 'r001-00000000-0000-0000-0000-00000000000f'
const catalogUuid = '6a2f41a3-c54c-4a4b-8d3e-0c0f4cd4e9d1'
const bytes = 8n << 20n

let pool: PoolHandle
let store: StoreHandle

beforeAll(async () => {
  pool = await native().openPool({ path: join(folder, 'pool'), capacityBytes: 64n << 20n })
  store = await native().openStore(join(folder, 'store'), { catalogUuid })
  await native().order(pool, { kind: 'createVolume', volumeId, bytes })
  for (const snapshotId of [first, second]) {
    const members = [{ volumeId, snapshotId }]
    await native().order(pool, { kind: 'cut', groupId: snapshotId, members })
  }
})
afterAll(async () => {
  await native().closeStore(store)
  await native().closePool(pool)
  rmSync(folder, { recursive: true })
})

async function carry(source: ChannelHandle, receiver: ChannelHandle): Promise<IngestResult> {
  const listing = (async () => {
    for (;;) {
      const frames = await native().take(source)
      if (frames === null) return
      await native().give(receiver, frames)
    }
  })()
  listing.catch(() => undefined)
  for (;;) {
    const frames = await native().take(receiver)
    if (frames === null) break
    await native().give(source, frames)
  }
  const result = await native().finishIngest(receiver)
  native().closeChannel(source)
  native().closeChannel(receiver)
  return result
}

async function seal(snapshotId: string, base?: { snapshotId: string; rootHex: string }) {
  const opened = await native().openCutSource(pool, {
    snapshotId,
    ...(base && { baseSnapshotId: base.snapshotId }),
  })
  const receiver = await native().openIngest(store, {
    volumeBytes: opened.volumeBytes,
    ...(base && { baseRootHex: base.rootHex }),
    listIsDelta: opened.baseAgreed,
  })
  return { baseAgreed: opened.baseAgreed, result: await carry(opened.channel, receiver) }
}

test('a snapshot is sealed in full, then as a difference', async () => {
  const full = await seal(first)
  expect(full.baseAgreed).toBe(false)
  expect(full.result.receivedBytes).toBeGreaterThan(0n)
  const { rootHex } = full.result
  const difference = await seal(second, { snapshotId: first, rootHex })
  expect(difference.baseAgreed).toBe(true)
  expect(difference.result).toMatchObject({ rootHex, chunks: 0n, logicalBytes: 0n })
  const unknown = await seal(second, { snapshotId: nobody, rootHex })
  expect(unknown.baseAgreed).toBe(false)
  expect(unknown.result.rootHex).toBe(rootHex)
  expect(await native().auditCut(pool, { snapshotId: second })).toEqual({ rootHex })
})

test('nonsense is refused', async () => {
  const ingest = { volumeBytes: bytes, listIsDelta: true }
  await expect(native().openIngest(store, ingest)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  await expect(
    native().openIngest(store, { ...ingest, baseRootHex: 'ab'.repeat(32) }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const { result } = await seal(first)
  await expect(
    native().openIngest(store, { ...ingest, volumeBytes: 4096n, baseRootHex: result.rootHex }),
  ).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(native().auditCut(pool, { snapshotId: nobody })).rejects.toMatchObject({
    code: 'SNAPSHOT_NOT_FOUND',
  })
})
