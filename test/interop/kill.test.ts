// kill -9 at any moment loses nothing flushed: fio writes with verification headers and fsyncs, the host
// is killed under it, and after the restart everything that was synced verifies; the offline check finds
// nothing. Then the same with an ext4 image: e2fsck and contents.

import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { native } from '../../src/native/binding.js'
import { PoolHost } from '../support/pool-host.js'
import { must, run } from '../support/tools.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 100 : 10
const MiB = 1n << 20n

describe('kill -9', () => {
  test(`${rounds} rounds under fio, everything flushed is there`, async () => {
    const host = new PoolHost(1024n * MiB)
    try {
      await host.start()
      await host.attachVolume(128n * MiB)
      for (let round = 0; round < rounds; round++) {
        // Synced and verified ground in the first half; a writer to be killed in the second.
        const seed = `--randseed=${round + 1}`
        const base = [
          '--ioengine=nbd',
          `--uri=${host.uri}`,
          '--thread=1',
          '--bs=4k',
          '--iodepth=16',
          seed,
        ]
        const verify = ['--verify=crc32c', '--verify_fatal=1', '--size=24M', '--rw=randwrite']
        await must('fio', ['--name=ground', ...base, ...verify, '--do_verify=0', '--end_fsync=1'])
        const storm = [
          '--name=storm',
          ...base,
          '--rw=randrw',
          '--offset=64M',
          '--size=64M',
          '--fsync=16',
        ]
        const writer = run('fio', [...storm, '--time_based', '--runtime=60'], 90_000)
        await new Promise((resolve) => setTimeout(resolve, 150 + 70 * round))
        await host.kill()
        await writer
        const report = await native().poolCheck(host.poolFile, { repair: false, data: false })
        expect(report.problems, `round ${round}`).toEqual([])
        await host.start()
        await must('fio', ['--name=ground', ...base, ...verify, '--verify_only'])
      }
    } finally {
      await host.dispose()
    }
  })

  test('an ext4 image written and flushed survives with its contents', async () => {
    const host = new PoolHost(1024n * MiB)
    try {
      const files = join(host.folder, 'files')
      mkdirSync(files)
      const sums = new Map<string, string>()
      for (let i = 0; i < 30; i++) {
        const content = randomBytes(50_000 * (i + 1))
        writeFileSync(join(files, `f${i}`), content)
        sums.set(`f${i}`, createHash('sha256').update(content).digest('hex'))
      }
      const image = join(host.folder, 'image.raw')
      await must('truncate', ['-s', '128M', image])
      await must('mkfs.ext4', ['-q', '-F', '-d', files, image])
      await host.start()
      await host.attachVolume(128n * MiB)
      await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, host.uri])
      await must('qemu-io', ['-f', 'raw', '-c', 'flush', host.uri])
      await host.kill()
      await host.start()
      const back = join(host.folder, 'back.raw')
      await must('nbdcopy', [host.uri, back])
      await must('e2fsck', ['-fn', back])
      for (const [name, sum] of sums) {
        const out = join(host.folder, 'out')
        await must('debugfs', ['-R', `dump ${name} ${out}`, back])
        expect(createHash('sha256').update(readFileSync(out)).digest('hex')).toBe(sum)
      }
    } finally {
      await host.dispose()
    }
  })
})
