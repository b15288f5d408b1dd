// `ashlar pool-create` on files, and on a block device where this machine lends one.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { native } from '../../../src/native/binding.js'
import { ashlar } from './run-offline.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ashlar-pool-cli-'))
  path = join(folder, 'pool')
})
afterEach(() => rmSync(folder, { recursive: true }))

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

test('makes a pool of a file that does not exist, once', async () => {
  const made = await ashlar('pool-create', path, '--size', '16MiB')
  expect(made).toMatchObject({ code: 0, err: '' })
  expect(made.out).toMatch(uuid)
  const [id] = uuid.exec(made.out) ?? []
  const again = await ashlar('pool-create', path, '--size', '16MiB')
  expect(again.code).not.toBe(0)
  expect(again.err).toContain(`the Ashlar pool ${id}`)
  const handle = await native().openPool({ path })
  expect(native().poolStats(handle)).toMatchObject({ poolId: id, openedGeneration: 1n })
  const busy = await ashlar('pool-create', path, '--force')
  expect(busy.err).toMatch(/another process has this pool open/)
  await native().closePool(handle)
  expect(await ashlar('pool-create', path, '--force', '--size', '16MiB')).toMatchObject({ code: 0 })
})

test('refuses what is not empty, and says what it is', async () => {
  writeFileSync(path, 'precious')
  const { code, err } = await ashlar('pool-create', path)
  expect(code).not.toBe(0)
  expect(err).toContain('--force')
  expect(readFileSync(path, 'utf8')).toBe('precious')
  expect((await ashlar('pool-check', path)).code).not.toBe(0)
  expect(readFileSync(path, 'utf8')).toBe('precious')
})

test('a block device: blank, with data behind zeros, a pool, free space', async ({ skip }) => {
  const image = join(folder, 'image')
  writeFileSync(image, '')
  truncateSync(image, 64 << 20)
  const loop = spawnSync('losetup', ['-f', '--show', image], { encoding: 'utf8' })
  skip(loop.status !== 0, 'no loop device here')
  const device = loop.stdout.trim()
  try {
    await expect(native().openPool({ path: device })).rejects.toThrow(/ashlar pool-create/)
    expect(spawnSync('sh', ['-c', `printf x | dd of=${device} bs=1 seek=33554432`]).status).toBe(0)
    const refused = await ashlar('pool-create', device)
    expect(refused.err).toContain('the first at byte 33554432')
    await expect(native().openPool({ path: device })).rejects.toThrow(/left untouched/)
    expect(await ashlar('pool-create', device, '--force', '--size', '65MiB')).not.toMatchObject({
      code: 0,
    })
    expect(await ashlar('pool-create', device, '--force')).toMatchObject({ code: 0, err: '' })
    const handle = await native().openPool({ path: device })
    const { capacityBytes, freeBytes } = native().poolStats(handle)
    expect(capacityBytes).toBe(64n << 20n)
    expect(freeBytes).toBeGreaterThan(56n << 20n)
    expect((await ashlar('pool-create', device, '--force')).err).toMatch(/in use/)
    await native().closePool(handle)
  } finally {
    spawnSync('losetup', ['-d', device])
  }
})
