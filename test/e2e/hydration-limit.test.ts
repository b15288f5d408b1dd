// `hydration_limit` of a node: what comes in the background takes at least as long as its bytes may,
// and a read that waits does not wait for it.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface VolumeView {
  readonly health_reasons?: readonly { readonly code: string }[]
  readonly health_state: string
}

const limitMiB = 2
const dataMiB = 24
let world: World

beforeAll(async () => {
  world = await World.start({
    zones: ['local-1', 'local-2'],
    poolCapacity: '256MiB',
    nodeKeys: `hydration_limit = "${limitMiB}MiB"\n`,
  })
}, 120_000)
afterAll(async () => await world?.remove())

test('a restore keeps to the limit, and reads overtake it', async () => {
  const image = join(world.folder, 'image')
  writeFileSync(image, randomBytes(dataMiB << 20))
  await world.must('volume-create', '--name', 'v', '--zone', 'local-1', '--size', `${dataMiB}MiB`)
  const source = await world.must('attach', 'v')
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, source])
  await world.must('snapshot-create', '--volume', 'v', '--name', 's', '--wait')
  const isFull = async () => (await world.json<VolumeView>('volume', 'r')).health_state === 'ok'

  const since = performance.now()
  await world.must('volume-create', '--name', 'r', '--zone', 'local-2', '--source-snapshot', 's')
  const restored = await world.must('attach', 'r')
  const last = `${(dataMiB << 20) - 4096}`
  await must('qemu-io', ['-f', 'raw', '-r', '-c', `read ${last} 4096`, restored])
  expect(await isFull()).toBe(false)

  await world.until('all of it is there', isFull, 120_000)
  // Only a lower bound: how much longer it takes is this machine's business. A burst is a quarter of
  // a second's bytes, and the last message is not waited for.
  const seconds = (performance.now() - since) / 1000
  expect(seconds).toBeGreaterThan((dataMiB - 4) / limitMiB - 0.5)
  await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, restored])
}, 240_000)
