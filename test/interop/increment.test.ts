// Snapshots of one volume over real daemons: the second one moves what changed, restores give each
// its own bytes, and what only a deleted one needed is given back.

import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { Random, seedOf } from '../support/random.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface SnapshotView {
  readonly root: string
  readonly stored_bytes: string
  readonly logical_bytes: string
  readonly transferred_bytes: string
}
const block = 4096
const volumeBytes = 96 << 20
const dataBytes = 64 << 20
const changed = Math.floor(dataBytes / block / 100)

let world: World
let image: string
let uri: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '1GiB' })
  image = join(world.folder, 'image')
  writeFileSync(image, randomBytes(dataBytes))
  await must('truncate', ['-s', String(volumeBytes), image])
  await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '96MiB')
  uri = await world.must('attach', 'data')
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])
}, 120_000)
afterAll(async () => await world?.remove())

const take = async (name: string): Promise<SnapshotView> => {
  await world.must('snapshot-create', '--volume', 'data', '--name', name, '--wait')
  expect(await world.must('verify', image, '--snapshot', name)).toContain('equal')
  return await world.json<SnapshotView>('snapshot', name)
}

/** Overwrites 1 % of the blocks, each in a chunk of its own where they last, in volume and image. */
async function overwrite(): Promise<void> {
  const random = new Random(seedOf('increment'))
  const blocks = new Set<number>()
  while (blocks.size < changed) blocks.add(Math.floor(random.below(dataBytes / block)))
  const file = openSync(image, 'r+')
  const fresh = join(world.folder, 'fresh')
  const commands: string[] = []
  for (const at of blocks) {
    const bytes = randomBytes(block)
    writeSync(file, bytes, 0, block, at * block)
    writeFileSync(`${fresh}-${at}`, bytes)
    commands.push('-c', `write -q -s ${fresh}-${at} ${at * block} ${block}`)
  }
  closeSync(file)
  await must('qemu-io', ['-f', 'raw', ...commands, '-c', 'flush', uri])
}

test('a full one, then one of the change', async () => {
  const first = await take('first')
  expect(Number(first.logical_bytes)).toBe(dataBytes)
  expect(Number(first.transferred_bytes)).toBeGreaterThan(dataBytes)
  expect(Number(first.transferred_bytes)).toBeLessThan(dataBytes * 1.02)

  await overwrite()
  const second = await take('second')
  expect(second.root).not.toBe(first.root)
  expect(Number(second.logical_bytes)).toBe(dataBytes)
  expect(Number(second.transferred_bytes)).toBeGreaterThan(changed * block)
  expect(Number(second.transferred_bytes)).toBeLessThan(changed * block * 1.1)

  // Nothing changed: nothing moves but the end of the list.
  const third = await take('third')
  expect(third.root).toBe(second.root)
  expect(Number(third.transferred_bytes)).toBeLessThan(block)
}, 120_000)

test('the base may go: a restarted region and node seal the next one on what is left', async () => {
  await world.must('snapshot-delete', '-f', 'third')
  await world.killAndRestart('region')
  await world.killAndRestart('local-1')
  uri = await world.must('attach', 'data')
  await overwrite()
  await world.until('the region has found the node', async () => {
    const zones = await world.json<{ name: string; status: string }[]>('zones')
    return zones.some(({ name, status }) => name === 'local-1' && status === 'available')
  })
  const fourth = await take('fourth')
  expect(Number(fourth.transferred_bytes)).toBeLessThan(changed * block * 1.1)
}, 120_000)
