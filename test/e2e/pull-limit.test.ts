// `pull_limit` of a region: a snapshot takes at least as long as its bytes may, and everything else
// goes on meanwhile.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface SnapshotView {
  readonly lifecycle_state: string
  readonly progress: { readonly bytes_per_second: number }
}

const limitMiB = 4
const dataMiB = 24
let world: World

beforeAll(async () => {
  world = await World.start({
    zones: ['local-1', 'local-2'],
    poolCapacity: '256MiB',
    tls: true,
    regionKeys: `pull_limit = "${limitMiB}MiB"\n`,
  })
}, 120_000)
afterAll(async () => await world?.remove())

async function makeVolume(name: string, zone: string): Promise<void> {
  const image = join(world.folder, `${name}.img`)
  writeFileSync(image, randomBytes(dataMiB << 20))
  await world.must('volume-create', '--name', name, '--zone', zone, '--size', `${dataMiB}MiB`)
  const uri = await world.must('attach', name)
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])
}

test('two snapshots of two nodes share the limit', async () => {
  await makeVolume('one', 'local-1')
  await makeVolume('two', 'local-2')
  const since = performance.now()
  await world.must('snapshot-create', '--volume', 'one', '--name', 's-one')
  await world.must('snapshot-create', '--volume', 'two', '--name', 's-two')
  const rates: number[] = []
  const isStable = async (name: string) => {
    const { lifecycle_state, progress } = await world.json<SnapshotView>('snapshot', name)
    if (progress.bytes_per_second > 0) rates.push(progress.bytes_per_second)
    return lifecycle_state === 'stable'
  }
  // Both are looked at each time, or the second one's rate is hardly ever seen.
  const both = async () =>
    (await Promise.all([isStable('s-one'), isStable('s-two')])).every(Boolean)
  await world.until('both are stable', both, 120_000)
  // Only a lower bound: how much longer it takes is this machine's business. A burst is a quarter of
  // a second's bytes.
  const seconds = (performance.now() - since) / 1000
  expect(seconds).toBeGreaterThan((2 * dataMiB) / limitMiB - 0.5)
  // What is said is what is measured: never far above what may come.
  expect(rates.length).toBeGreaterThan(0)
  rates.sort((a, b) => a - b)
  expect(rates[Math.floor(rates.length / 2)]).toBeLessThan(1.5 * limitMiB * 2 ** 20)
  for (const name of ['one', 'two']) {
    const image = join(world.folder, `${name}.img`)
    expect(await world.must('verify', image, '--snapshot', `s-${name}`)).toContain('equal')
  }
}, 240_000)

test('a pull that waits for its turn ends when its snapshot is deleted, and with the region', async () => {
  await makeVolume('three', 'local-1')
  await world.must('snapshot-create', '--volume', 'three', '--name', 's-three')
  await world.must('snapshot-delete', 's-three', '-f')
  await world.must('snapshot-create', '--volume', 'three', '--name', 's-four')
  await world.signal('region', 'SIGTERM')
  await world.start('region')
  const isStable = async () =>
    (await world.json<SnapshotView>('snapshot', 's-four')).lifecycle_state === 'stable'
  await world.until('it is stable', isStable, 120_000)
}, 240_000)
