// The seam: the addon's list of errors equals the table, its errors arrive as ours, and wrong arguments
// are refused without harm.

import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AshlarError } from '../../src/base/error.js'
import { errorTable } from '../../src/gen/errors.js'
import { native, type PoolHandle } from '../../src/native/binding.js'

const folder = mkdtempSync(join(tmpdir(), 'ash-'))
const volumeId = 'r001-00000000-0000-0000-0000-00000000000a'
const attachmentId = 'r001-00000000-0000-0000-0000-00000000000b'
const snapshotId = 'r001-00000000-0000-0000-0000-00000000000c'
const nobody = 'r001-00000000-0000-0000-0000-00000000000f'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'OK'
  } catch (error) {
    expect(error).toBeInstanceOf(AshlarError)
    return error instanceof AshlarError ? error.code : 'other'
  }
}

describe('the addon', () => {
  let pool: PoolHandle

  beforeAll(async () => {
    pool = await native().openPool({ path: join(folder, 'pool'), capacityBytes: 64n << 20n })
  })
  afterAll(async () => {
    await native().closePool(pool)
    rmSync(folder, { recursive: true })
  })

  test('knows the errors of the one table, in order', () => {
    expect(native().errorCodes()).toEqual(Object.keys(errorTable))
  })

  test('answers a repeated order like the first, and refuses other arguments', async () => {
    const create = { kind: 'createVolume', volumeId, bytes: 4n << 20n } as const
    expect(await codeOf(native().order(pool, create))).toBe('OK')
    expect(await codeOf(native().order(pool, create))).toBe('OK')
    expect(await codeOf(native().order(pool, { ...create, bytes: 8n << 20n }))).toBe('ID_REUSED')
    const attach = { kind: 'attach', attachmentId, volumeId, host: 'a', readOnly: false } as const
    expect(await codeOf(native().order(pool, attach))).toBe('OK')
    expect(await codeOf(native().order(pool, attach))).toBe('OK')
    expect(await codeOf(native().order(pool, { ...attach, host: 'b' }))).toBe('ID_REUSED')
    const second = { ...attach, attachmentId: nobody, host: 'b' } as const
    expect(await codeOf(native().order(pool, second))).toBe('VOLUME_ATTACHED')
    expect(await codeOf(native().order(pool, { kind: 'deleteVolume', volumeId }))).toBe(
      'VOLUME_IN_USE',
    )
  })

  test('cuts, remembers the root, drops, and keeps a tombstone', async () => {
    const cut = { kind: 'cut', groupId: snapshotId, members: [{ volumeId, snapshotId }] } as const
    const first = await native().order(pool, cut)
    expect(await native().order(pool, cut)).toEqual(first)
    const rootHex = 'ab'.repeat(32)
    expect(await codeOf(native().order(pool, { kind: 'sealed', snapshotId, rootHex }))).toBe('OK')
    expect(native().records(pool).cuts).toMatchObject([
      { snapshotId, volumeId, sealed: true, rootHex },
    ])
    expect(await codeOf(native().order(pool, { kind: 'dropCut', snapshotId }))).toBe('OK')
    expect(await codeOf(native().order(pool, { kind: 'dropCut', snapshotId }))).toBe('OK')
    expect(await codeOf(native().order(pool, cut))).toBe('TOMBSTONE')
    expect(await codeOf(native().order(pool, { kind: 'forgetTombstone', id: snapshotId }))).toBe(
      'OK',
    )
  })

  test('grows and never shrinks', async () => {
    const grow = (bytes: bigint) => native().order(pool, { kind: 'growVolume', volumeId, bytes })
    const before = native().records(pool)
    expect(await codeOf(grow(8n << 20n))).toBe('OK')
    expect(await codeOf(grow(4n << 20n))).toBe('CAPACITY_SHRINK')
    expect(await codeOf(grow((8n << 20n) + 1n))).toBe('INVALID_ARGUMENT')
    const after = native().records(pool)
    expect(after.volumes).toMatchObject([{ volumeId, bytes: 8n << 20n }])
    // What has changed is another object, everything else the same one.
    expect(before.volumes).toMatchObject([{ volumeId, bytes: 4n << 20n }])
    expect(after.attachments[0]).toBe(before.attachments[0])
    expect(native().records(pool).volumes[0]).toBe(after.volumes[0])
  })

  test('detaches and deletes, and refuses the ids for ever', async () => {
    expect(await codeOf(native().order(pool, { kind: 'detach', attachmentId, graceMs: 10 }))).toBe(
      'OK',
    )
    expect(await codeOf(native().order(pool, { kind: 'deleteVolume', volumeId }))).toBe('OK')
    const again = { kind: 'createVolume', volumeId, bytes: 4n << 20n } as const
    expect(await codeOf(native().order(pool, again))).toBe('TOMBSTONE')
    const unknown = { kind: 'growVolume', volumeId: nobody, bytes: 4n << 20n } as const
    expect(await codeOf(native().order(pool, unknown))).toBe('VOLUME_NOT_FOUND')
  })

  test('recomputes the root of an image file', async () => {
    writeFileSync(join(folder, 'zeros'), Buffer.alloc(65_536))
    const root = '5a6ef790ebaa41d959c25a9362ab9192cf0d4f1ab220bad512391a41ead9b3da'
    const verified = await native().verifyImage(join(folder, 'zeros'))
    expect(verified).toEqual({ rootHex: root, volumeBytes: 65_536n })
    expect(await codeOf(native().verifyImage(join(folder, 'absent')))).toBe('NOT_FOUND')
  })

  test('knows the root of a manifest', async () => {
    const manifest = Buffer.alloc(80)
    manifest.write('ASHLMAN1', 'latin1')
    for (const [at, word] of [1, 65_536, 64].entries()) manifest.writeUInt32LE(word, 8 + 4 * at)
    manifest.writeBigUInt64LE(65_536n, 24)
    // All of it is zeros: the root of the image above.
    const root = '5a6ef790ebaa41d959c25a9362ab9192cf0d4f1ab220bad512391a41ead9b3da'
    expect(native().manifestRoot(manifest)).toBe(root)
    for (const wrong of [Buffer.alloc(80), manifest.subarray(1), Buffer.alloc(0)]) {
      const refused = Promise.resolve().then(() => native().manifestRoot(wrong))
      expect(await codeOf(refused)).toBe('INVALID_ARGUMENT')
    }
  })

  test('refuses nonsense', async () => {
    // @ts-expect-error a number is no handle
    expect(await codeOf(native().closePool(5))).toBe('INVALID_ARGUMENT')
    // @ts-expect-error no such order
    expect(await codeOf(native().order(pool, { kind: 'explode' }))).toBe('INVALID_ARGUMENT')
    const malformed = { kind: 'deleteVolume', volumeId: 'nonsense' } as const
    expect(await codeOf(native().order(pool, malformed))).toBe('INVALID_ARGUMENT')
  })

  test('refuses files that are no pool, in use, truncated or damaged', async () => {
    const open = (name: string) => native().openPool({ path: join(folder, name) })
    writeFileSync(join(folder, 'foreign'), 'x'.repeat(100_000))
    expect(await codeOf(open('foreign'))).toBe('FOREIGN_FILE')
    writeFileSync(join(folder, 'short'), 'x')
    expect(await codeOf(open('short'))).toBe('FOREIGN_FILE')
    expect(await codeOf(open('pool'))).toBe('IN_USE')
    expect(
      await codeOf(native().poolCheck(join(folder, 'absent'), { repair: false, data: false })),
    ).toBe('NOT_FOUND')
    const other = await native().openPool({
      path: join(folder, 'other'),
      capacityBytes: 64n << 20n,
    })
    await native().closePool(other)
    truncateSync(join(folder, 'other'), 1 << 20)
    expect(await codeOf(open('other'))).toBe('CORRUPT')
  })
})

describe('a copy between two stores', () => {
  const at = (name: string) =>
    native().openStore(join(folder, name), { catalogUuid: '6a2f41a3-c54c-4a4b-8d3e-0c0f4cd4e9d1' })
  // A volume of 64 KiB of zeros, and one that names a tree which nobody has.
  const manifest = (bytes: bigint, tree: Buffer) => {
    const buffer = Buffer.alloc(80)
    buffer.write('ASHLMAN1')
    for (const [index, number] of [1, 65_536, 64].entries())
      buffer.writeUInt32LE(number, 8 + 4 * index)
    buffer.writeBigUInt64LE(bytes, 24)
    tree.copy(buffer, 48)
    return buffer
  }
  const empty = manifest(65_536n, Buffer.alloc(32))
  const unknown = manifest(65_536n, Buffer.alloc(32, 7))

  beforeAll(() => mkdirSync(folder, { recursive: true }))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('ends at once when nothing is missing, and has the root', async () => {
    const store = await at('near')
    const receiver = await native().openTreeIngest(store, { manifest: empty })
    expect(await native().take(receiver)).toBeNull()
    const result = await native().finishIngest(receiver)
    expect(result).toMatchObject({
      rootHex: '5a6ef790ebaa41d959c25a9362ab9192cf0d4f1ab220bad512391a41ead9b3da',
      manifest: empty,
      chunks: 0n,
    })
    // Now it is a base, on either side.
    const base = { manifest: unknown, baseRootHex: result.rootHex }
    native().closeChannel(await native().openTreeIngest(store, base))
    native().closeChannel(await native().openSnapshotSource(store, base))
    await native().closeStore(store)
  })

  test('repairs what is missing: asks for it, and ends at once where nothing is', async () => {
    const store = await at('damaged')
    const whole = await native().openRepair(store, { manifest: empty })
    expect(await native().take(whole)).toBeNull()
    const damaged = await native().openRepair(store, { manifest: unknown })
    expect((await native().take(damaged))?.readUInt8(0)).toBe(4) // WANT_NODE
    native().closeChannel(damaged)
    // @ts-expect-error the manifest is missing
    expect(await codeOf(native().openRepair(store, {}))).toBe('INVALID_ARGUMENT')
    await native().closeStore(store)
  })

  test('asks a source for nodes by place, and is told what cannot be had', async () => {
    const [near, far] = [await at('source'), await at('receiver')]
    const source = await native().openSnapshotSource(near, { manifest: unknown })
    const receiver = await native().openTreeIngest(far, { manifest: unknown })
    const asked = await native().take(receiver)
    expect(asked?.readUInt8(0)).toBe(4) // WANT_NODE
    await native().give(source, asked ?? Buffer.alloc(0))
    const answer = await native().take(source)
    expect(answer?.readUInt8(0)).toBe(10) // CANNOT
    expect(await codeOf(native().give(receiver, answer ?? Buffer.alloc(0)))).toBe(
      'REMOTE_UNAVAILABLE',
    )
    expect(await codeOf(native().finishIngest(receiver))).toBe('REMOTE_UNAVAILABLE')
    await native().closeStore(near)
    await native().closeStore(far)
  })

  test('refuses nonsense', async () => {
    const store = await at('nonsense')
    const open = (options: object) =>
      // @ts-expect-error options of any kind
      codeOf(native().openTreeIngest(store, options))
    expect(await open({})).toBe('INVALID_ARGUMENT')
    expect(await open({ manifest: Buffer.alloc(80) })).toBe('INVALID_ARGUMENT')
    expect(await open({ manifest: Buffer.alloc(79) })).toBe('INVALID_ARGUMENT')
    expect(await open({ manifest: empty, baseRootHex: 'ab' })).toBe('INVALID_ARGUMENT')
    expect(await open({ manifest: empty, baseRootHex: 'ab'.repeat(32) })).toBe('NOT_FOUND')
    await native().closeStore(store)
  })
})
