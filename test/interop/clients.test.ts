// Stock NBD clients over a real socket to a real pool: libnbd's tools, qemu's tools, fio with
// verification, and nbdfuse + loop + ext4.

import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PoolHost } from '../support/pool-host.js'
import { must, noLoopMounts, run } from '../support/tools.js'

const MiB = 1n << 20n

describe('stock clients', () => {
  const host = new PoolHost(2048n * MiB)

  beforeAll(async () => {
    await host.start()
    await host.attachVolume(256n * MiB)
  })
  afterAll(() => host.dispose())

  test('nbdinfo shows what was negotiated', async () => {
    const info = JSON.parse(await must('nbdinfo', ['--json', host.uri]))
    expect(info.protocol).toBe('newstyle-fixed')
    expect(info.structured).toBe(true)
    expect(info.exports[0]).toMatchObject({
      'export-size': 256 << 20,
      can_multi_conn: true,
      can_fua: true,
      can_fast_zero: true,
      can_df: true,
      contexts: ['base:allocation'],
      block_size_minimum: 1,
      block_size_preferred: 4096,
      block_size_maximum: 32 << 20,
    })
  })

  test('qemu-io writes, reads, zeroes, discards, with vectors, FUA and in parallel', async () => {
    const commands = [
      'write -P 0x5a 0 64k',
      'read -P 0x5a 0 64k',
      'write -z 64k 64k',
      'read -P 0 64k 64k',
      'write -zu 128k 64k',
      'write -zn 192k 64k',
      'write -f -P 0x11 1000 5000',
      'read -P 0x11 1000 5000',
      'discard 1M 1M',
      'read -P 0 1M 1M',
      'aio_write -P 0x22 2M 128k',
      'aio_write -P 0x33 3M 128k',
      'aio_flush',
      'aio_read -P 0x22 2M 128k',
      'aio_flush',
      'read -P 0x33 3M 128k',
      'writev -P 0x44 4M 4k 8k 12k',
      'readv -P 0x44 4M 12k 12k',
      'flush',
    ]
    const args = ['-f', 'raw', ...commands.flatMap((each) => ['-c', each]), host.uri]
    const ran = await run('qemu-io', args)
    expect(ran.stdout + ran.stderr).not.toMatch(/failed|error/i)
    expect(ran.code).toBe(0)
  })

  test('qemu-img convert, compare, map and bench', async () => {
    const image = join(host.folder, 'image.raw')
    const files = join(host.folder, 'files')
    mkdirSync(files)
    for (let i = 0; i < 20; i++)
      writeFileSync(join(files, `file-${i}`), Buffer.alloc(100_000 + i, i))
    await must('truncate', ['-s', '256M', image])
    await must('mkfs.ext4', ['-q', '-F', '-d', files, image])
    await must('qemu-img', [
      'convert',
      '-n',
      '-f',
      'raw',
      '-O',
      'raw',
      '-W',
      '-m',
      '16',
      image,
      host.uri,
    ])
    const same = await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', image, host.uri])
    expect(same).toContain('Images are identical.')
    const map = JSON.parse(await must('qemu-img', ['map', '--output=json', '-f', 'raw', host.uri]))
    let at = 0
    for (const extent of map) {
      expect(extent.start).toBe(at)
      at += extent.length
    }
    expect(at).toBe(256 << 20)
    expect(
      map.some((extent: { data: boolean; zero: boolean }) => extent.zero && !extent.data),
    ).toBe(true)
    await must('qemu-img', ['bench', '-c', '2000', '-d', '16', '-f', 'raw', host.uri])
    const writing = ['bench', '-w', '-c', '2000', '-d', '16', '--flush-interval=16', '-f', 'raw']
    await must('qemu-img', [...writing, host.uri])
  })

  test('nbdcopy in and out', async () => {
    const source = join(host.folder, 'random.raw')
    const back = join(host.folder, 'back.raw')
    await must('bash', ['-c', `head -c 200M /dev/urandom > ${source}; truncate -s 256M ${source}`])
    await must('nbdcopy', [source, host.uri])
    await must('nbdcopy', [host.uri, back])
    await must('cmp', [source, back])
  })

  test('fio verifies random writes, on four connections too', async () => {
    const common = [
      '--ioengine=nbd',
      `--uri=${host.uri}`,
      '--thread=1',
      '--verify=crc32c',
      '--do_verify=1',
    ]
    const fatal = ['--verify_fatal=1', '--minimal']
    await must('fio', [
      '--name=v',
      ...common,
      ...fatal,
      '--rw=randwrite',
      '--bs=4k',
      '--iodepth=16',
      '--size=64M',
    ])
    const odd = [
      '--bsrange=512-256k',
      '--blockalign=512',
      '--iodepth=8',
      '--size=32M',
      '--fsync=32',
    ]
    await must('fio', ['--name=odd', ...common, ...fatal, '--rw=randwrite', ...odd])
    const four = ['--numjobs=4', '--size=32M', '--offset_increment=32M', '--bs=8k', '--iodepth=8']
    await must('fio', ['--name=four', ...common, ...fatal, '--rw=randwrite', ...four])
    await must('fio', [
      '--name=t',
      '--ioengine=nbd',
      `--uri=${host.uri}`,
      '--thread=1',
      '--rw=randtrim',
      '--bs=64k',
      '--size=64M',
    ])
  })

  const reason = noLoopMounts()
  test.skipIf(reason !== undefined)(
    `nbdfuse, a loop device and ext4${reason === undefined ? '' : ` (${reason})`}`,
    async () => {
      const fuse = join(host.folder, 'fuse')
      const mount = join(host.folder, 'mount')
      mkdirSync(fuse)
      mkdirSync(mount)
      const nbdfuse = spawn('nbdfuse', [`${fuse}/disk`, host.uri], { stdio: 'inherit' })
      try {
        await must('bash', [
          '-c',
          `for i in $(seq 200); do [ -s ${fuse}/disk ] && exit 0; sleep 0.05; done; exit 1`,
        ])
        await must('mkfs.ext4', ['-q', '-F', `${fuse}/disk`])
        await must('mount', ['-o', 'loop', `${fuse}/disk`, mount])
        try {
          await must('bash', [
            '-c',
            `head -c 20M /dev/urandom > ${mount}/a && cp ${mount}/a ${mount}/b && sync && cmp ${mount}/a ${mount}/b`,
          ])
        } finally {
          await must('umount', [mount])
        }
        await must('e2fsck', ['-fn', `${fuse}/disk`])
      } finally {
        await run('fusermount3', ['-u', fuse])
        nbdfuse.kill()
      }
    },
  )
})
