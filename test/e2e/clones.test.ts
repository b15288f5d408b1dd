// Fast-restore clones on real daemons: made while both sides are killed, and whole without the region.

import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface CloneJson {
  readonly zone: string
  readonly available: boolean
}
interface SnapshotJson {
  readonly lifecycle_state: string
  readonly clones?: readonly CloneJson[]
}
interface VolumeJson {
  readonly health_state: string
}

const imageBytes = 128 << 20
let world: World
let image: string
let uri: string

beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '2GiB' })
  image = join(world.folder, 'image')
  writeFileSync(image, randomBytes(imageBytes))
  await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '128MiB')
  uri = await world.must('attach', 'data')
}, 120_000)
afterAll(async () => await world?.remove())

const fill = async () =>
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])
const available = async (name: string, zone: string) =>
  await world.until(
    `${name} has a clone in ${zone}`,
    async () => (await world.json<CloneJson>('snapshot-clone', name, zone)).available,
  )
async function restore(name: string, snapshot: string): Promise<string> {
  const source = ['--zone', 'local-2', '--source-snapshot', snapshot]
  await world.must('volume-create', '--name', name, ...source)
  expect((await world.json<VolumeJson>('volume', name)).health_state).toBe('ok')
  return await world.must('attach', name)
}
const equals = async (volume: string) =>
  await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, volume])

describe('a clone', () => {
  test('asked for with the snapshot is made through kills, and is whole without the region', async () => {
    await fill()
    const zones = ['--clone-zones', 'local-1,local-2']
    await world.must('snapshot-create', '--volume', 'data', '--name', 'one', ...zones)
    await world.killAndRestart('local-2')
    await world.killAndRestart('region')
    await available('one', 'local-1')
    await world.killAndRestart('local-2')
    await available('one', 'local-2')

    const back = await restore('back', 'one')
    await world.signal('region', 'SIGKILL')
    await equals(back)
    await world.start('region')
  })

  test('of the next snapshot holds its content', async () => {
    const file = openSync(image, 'r+')
    for (let at = 0; at < imageBytes; at += 64 * 4096) {
      writeSync(file, randomBytes(4096), 0, 4096, at)
    }
    closeSync(file)
    await fill()
    await world.must('snapshot-create', '--volume', 'data', '--name', 'two')
    await world.must('snapshot-clone-create', 'two', '--zone', 'local-2')
    await available('two', 'local-2')
    const back = await restore('back-two', 'two')
    await equals(back)
  })

  test('that is deleted leaves the volumes made from it', async () => {
    await world.must('snapshot-clone-delete', 'two', 'local-2', '--force')
    const gone = await world.ashlar(['snapshot-clone', 'two', 'local-2'])
    expect(gone.code).not.toBe(0)
    await world.must('snapshot-delete', 'one', '--force')
    await world.killAndRestart('local-2')
    await equals(await world.must('attach', 'back-two'))
    expect((await world.json<SnapshotJson>('snapshot', 'two')).clones ?? []).toEqual([])
  })

  test('is refused where there is no zone, or none is to be had', async () => {
    const create = async (...args: readonly string[]) => await world.ashlar(args)
    const noZone = await create('snapshot-clone-create', 'two', '--zone', 'local-9')
    expect([noZone.code === 0, noZone.stderr]).toEqual([
      false,
      expect.stringContaining('has no zone'),
    ])
    const twice = ['--clone-zones', 'local-1,local-1']
    const named = await create('snapshot-create', '--volume', 'data', '--name', 'x', ...twice)
    expect([named.code === 0, named.stderr]).toEqual([
      false,
      expect.stringContaining('named twice'),
    ])
  })
})
