// The main job, whole: a real file system goes in over NBD, is snapshotted in an instant, stored in the
// region, overwritten, and restored in another zone, while every daemon is killed once on the way.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { must } from '../support/tools.js'
import { World } from '../support/world.js'

interface SnapshotView {
  readonly lifecycle_state: string
  readonly captured_at?: string
}
interface VolumeView {
  readonly health_state: string
}

const fileBytes = 32 << 20
const files = 20

/** Random bytes are not compressible; every other file is text, which is. */
function fill(folder: string): void {
  mkdirSync(folder)
  for (let at = 0; at < files; at++) {
    const seed = createHash('shake256', { outputLength: fileBytes }).update(`file ${at}`)
    const bytes = at % 2 === 0 ? seed.digest() : Buffer.alloc(fileBytes, `line of file ${at}\n`)
    writeFileSync(join(folder, `file-${at}`), bytes)
  }
}

describe('a snapshot that reaches the region', () => {
  let world: World
  let image: string
  beforeAll(async () => {
    world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '8GiB' })
    image = join(world.folder, 'image')
    fill(join(world.folder, 'files'))
    await must('truncate', ['-s', '4G', image])
    await must('mke2fs', ['-q', '-t', 'ext4', '-d', join(world.folder, 'files'), image])
  }, 300_000)
  afterAll(async () => await world?.remove())

  test('4 GiB of ext4, restored in another zone, equal to what it was at the cut', async () => {
    await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '4GiB')
    const uri = await world.must('attach', 'data')
    await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])

    // Beside it, on the same node, a guest that never stops writing.
    await world.must('volume-create', '--name', 'busy', '--zone', 'local-1', '--size', '256MiB')
    const busy = await world.must('attach', 'busy')
    const job = ['--name=busy', '--ioengine=nbd', `--uri=${busy}`, '--rw=randwrite', '--bs=4k']
    const fio = spawn(
      'fio',
      [...job, '--iodepth=8', '--size=256m', '--time_based', '--runtime=600'],
      {
        cwd: world.folder,
        stdio: 'ignore',
      },
    )
    try {
      await world.must('snapshot-create', '--volume', 'data', '--name', 'kept')
    } finally {
      fio.kill('SIGKILL')
    }
    expect((await world.json<SnapshotView>('snapshot', 'kept')).captured_at).toBeDefined()

    // The source dies while its data is on the way; what was captured is not lost.
    await world.killAndRestart('local-1')
    await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 64M', '-c', 'flush', uri])
    const isStable = async () =>
      (await world.json<SnapshotView>('snapshot', 'kept')).lifecycle_state === 'stable'
    await world.until('the snapshot is stable', isStable)
    expect(await world.must('verify', image, '--snapshot', 'kept')).toContain('equal')

    const restore = ['--name', 'back', '--zone', 'local-2', '--source-snapshot', 'kept']
    await world.must('volume-create', ...restore)
    const back = await world.must('attach', 'back')
    await must('qemu-io', ['-r', '-f', 'raw', '-c', 'read 0 1M', back])
    // The region dies while the restored volume still fetches from it; then the node itself.
    await world.killAndRestart('region')
    await world.killAndRestart('local-2')
    await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, back])
    const isFull = async () =>
      (await world.json<VolumeView>('volume', 'back')).health_state === 'ok'
    await world.until('the volume is hydrated', isFull)

    const out = join(world.folder, 'out')
    await must('nbdcopy', [back, out])
    await must('cmp', [image, out])
    await must('e2fsck', ['-fn', out])
    expect(await world.must('verify', out, '--snapshot', 'kept')).toContain('equal')
  }, 600_000)
})
