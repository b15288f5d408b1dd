// Copies between two regions, each of whose daemons is a process: incremental, while both sides are
// killed, and compared byte by byte after a restore in the other region.

import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface ReferenceJson {
  readonly id: string
  readonly crn: string
  readonly name: string
  readonly remote_region?: string
}
interface SnapshotJson {
  readonly id: string
  readonly crn: string
  readonly lifecycle_state: string
  readonly root: string
  readonly transferred_bytes?: number
  readonly source_snapshot?: ReferenceJson
  readonly source_volume?: ReferenceJson
  readonly copies?: readonly { readonly snapshot: ReferenceJson }[]
}

const imageBytes = 192 << 20
let here: World
let there: World
let image: string
let uri: string

beforeAll(async () => {
  const [one, two] = [World.makeFolder(), World.makeFolder()]
  const peer = (name: string, number: number, folder: string) => [
    { name, number, address: World.endpointIn(folder) },
  ]
  const poolCapacity = '2GiB'
  here = await World.start({
    zones: ['local-1'],
    poolCapacity,
    folder: one,
    peers: peer('remote', 2, two),
  })
  there = await World.start({
    zones: ['remote-1'],
    poolCapacity,
    folder: two,
    region: { name: 'remote', number: 2 },
    peers: peer('local', 1, one),
  })
  image = join(here.folder, 'image')
  writeFileSync(image, randomBytes(imageBytes))
  await here.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '192MiB')
  uri = await here.must('attach', 'data')
}, 120_000)
afterAll(async () => {
  await here?.remove()
  await there?.remove()
})

const snapshot = async (world: World, name: string) =>
  await world.json<SnapshotJson>('snapshot', name)

async function take(name: string): Promise<SnapshotJson> {
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])
  await here.must('snapshot-create', '--volume', 'data', '--name', name)
  return await stable(here, name)
}

async function stable(world: World, name: string): Promise<SnapshotJson> {
  let view = await snapshot(world, name)
  await world.until(`${name} is stable`, async () => {
    view = await snapshot(world, name)
    expect(view.lifecycle_state).not.toBe('failed')
    return view.lifecycle_state === 'stable'
  })
  return view
}

const copy = async (source: SnapshotJson, name: string) =>
  await there.must('snapshot-create', '--source-snapshot-crn', source.crn, '--name', name)

/** Changes every hundredth block. */
function change(): void {
  const file = openSync(image, 'r+')
  for (let at = 0; at < imageBytes; at += 100 * 4096)
    writeSync(file, randomBytes(4096), 0, 4096, at)
  closeSync(file)
}

describe('copies', () => {
  test('are complete, known on both sides, and then incremental', async () => {
    const source = await take('one')
    await copy(source, 'copy-one')
    const view = await stable(there, 'copy-one')
    expect(view.root).toBe(source.root)
    expect(view.source_snapshot).toMatchObject({
      id: source.id,
      name: 'one',
      remote_region: 'local',
    })
    expect(view.source_volume).toMatchObject({ remote_region: 'local' })
    expect(view.source_volume?.name).toMatch(/^-remote-[0-9a-f]{12}$/)
    await here.until('copies[] shows it', async () => {
      const [shown] = (await snapshot(here, 'one')).copies ?? []
      return shown?.snapshot.id === view.id && shown.snapshot.remote_region === 'remote'
    })

    change()
    const next = await take('two')
    await copy(next, 'copy-two')
    const second = await stable(there, 'copy-two')
    expect(second.root).toBe(next.root)
    const changed = Math.ceil(imageBytes / (100 * 4096)) * 4096
    expect(second.transferred_bytes).toBeLessThan(changed * 1.5)

    await copy(next, 'copy-again')
    const again = await stable(there, 'copy-again')
    expect([again.root, again.transferred_bytes]).toEqual([next.root, 0])
  })

  test('survive kills of either side, and restore to the same bytes', async () => {
    change()
    writeFileSync(image, randomBytes(imageBytes))
    const source = await take('three')
    await copy(source, 'copy-three')
    await there.killAndRestart('region')
    await here.killAndRestart('region')
    await there.killAndRestart('region')
    const view = await stable(there, 'copy-three')
    expect(view.root).toBe(source.root)
    await here.must('snapshot-delete', 'three', '--force')

    const restore = ['--name', 'back', '--zone', 'remote-1', '--source-snapshot', 'copy-three']
    await there.must('volume-create', ...restore)
    const back = await there.must('attach', 'back')
    await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, back])
    expect(await there.must('verify', image, '--snapshot', 'copy-three')).toContain('equal')
  })

  test('go with both sides told', async () => {
    const one = await snapshot(here, 'one')
    await there.must('snapshot-delete', 'copy-one', '--force')
    await here.until('copies[] is empty', async () => {
      return ((await snapshot(here, 'one')).copies ?? []).length === 0
    })
    const nobody = one.crn.replace(one.id, 'r001-00000000-0000-4000-8000-000000000000')
    const create = ['snapshot-create', '--name', 'gone', '--source-snapshot-crn', nobody]
    const { code, stderr } = await there.ashlar(create)
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('no snapshot')])
    expect(code).not.toBe(0)
  })
})
