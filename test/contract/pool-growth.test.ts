// What a pool may grow to, by its node's setting, on files and on block devices.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { growPool } from '../../src/engine/zone/pool-size.js'
import { native } from '../../src/native/binding.js'

const MiB = 1n << 20n

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ashlar-pool-growth-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What it has before and after it is opened and grown with this setting. */
async function grown(poolFile: string, poolCapacityBytes?: bigint) {
  const pool = await native().openPool({ path: poolFile })
  try {
    const { capacityBytes, capacityBeforeBytes } = await growPool(native(), pool, {
      poolFile,
      poolCapacityBytes,
    })
    expect(native().poolStats(pool)).toMatchObject({ capacityBytes, readOnly: false })
    return [capacityBeforeBytes / MiB, capacityBytes / MiB]
  } finally {
    await native().closePool(pool)
  }
}

test('a file becomes what the setting says, and stays without one', async () => {
  const path = join(folder, 'pool')
  await native().createPool({ path, force: false, capacityBytes: 16n * MiB })
  expect(await grown(path)).toEqual([16n, 16n])
  expect(await grown(path, 300n * MiB + 17n)).toEqual([16n, 300n])
  expect(await grown(path, 300n * MiB)).toEqual([300n, 300n])
  expect(await grown(path)).toEqual([300n, 300n])
  const report = await native().poolCheck(path, { repair: false, data: false })
  expect(report).toMatchObject({ problems: [] })
})

test('less than it has is refused, with its name, the setting and both sizes', async () => {
  const path = join(folder, 'pool')
  await native().createPool({ path, force: false, capacityBytes: 64n * MiB })
  await expect(grown(path, 63n * MiB)).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringMatching(
      /\/pool: pool_capacity is 63 MiB \(66060288 bytes\).* 64 MiB \(67108864 bytes\)/,
    ),
  })
  expect(await grown(path)).toEqual([64n, 64n])
})

test('nonsense is refused', async () => {
  const pool = await native().openPool({ path: join(folder, 'pool'), capacityBytes: 16n * MiB })
  // @ts-expect-error a number is no handle
  await expect(native().growPool(5, {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  // @ts-expect-error options are missing
  await expect(native().growPool(pool)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  const tooLarge = native().growPool(pool, { capacityBytes: 1n << 60n })
  await expect(tooLarge).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await native().closePool(pool)
  const closed = native().growPool(pool, { capacityBytes: 32n * MiB })
  await expect(closed).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('a block device: all of it, also what it became while the pool is open', async ({ skip }) => {
  const image = join(folder, 'image')
  writeFileSync(image, '')
  truncateSync(image, 64 << 20)
  const loop = spawnSync('losetup', ['-f', '--show', image], { encoding: 'utf8' })
  skip(loop.status !== 0, 'no loop device here')
  const device = loop.stdout.trim()
  const enlarge = (mib: number) => {
    truncateSync(image, mib << 20)
    expect(spawnSync('losetup', ['-c', device]).status).toBe(0)
  }
  try {
    const sizes = await Promise.all(
      [device, join(folder, 'pool')].map(async (path) => {
        await native().createPool({ path, force: true, capacityBytes: 64n * MiB })
        const pool = await native().openPool({ path })
        const { capacityBytes, freeBytes } = native().poolStats(pool)
        await native().closePool(pool)
        return { capacityBytes, freeBytes }
      }),
    )
    expect(sizes[0]).toEqual(sizes[1])
    await native().createPool({ path: device, force: true, capacityBytes: 32n * MiB })
    expect(await grown(device, 48n * MiB)).toEqual([32n, 48n])
    await expect(grown(device, 65n * MiB)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringContaining('the device has 67108864 bytes'),
    })
    expect(await grown(device)).toEqual([48n, 64n])
    enlarge(200)
    expect(await grown(device)).toEqual([64n, 200n])
    const pool = await native().openPool({ path: device })
    enlarge(256)
    await native().growPool(pool, {})
    const { capacityBytes, freeBytes } = native().poolStats(pool)
    expect(capacityBytes).toBe(256n * MiB)
    expect(freeBytes).toBeGreaterThan(240n * MiB)
    await native().closePool(pool)
    const report = await native().poolCheck(device, { repair: false, data: false })
    expect(report).toMatchObject({ problems: [] })
  } finally {
    spawnSync('losetup', ['-d', device])
  }
})
