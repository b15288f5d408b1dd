// Clients that reconnect and send again what was not answered: nbdkit's retry filter and QEMU's
// reconnect-delay. Whatever the daemon was told to do, or died of, they see a slow disk and nothing
// else: no request fails, and what was acknowledged is there, flushed or not, because their flush after
// the restart is another process's.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { Random, seedOf } from '../support/random.js'
import { type Ran, must, run } from '../support/tools.js'
import { World } from '../support/world.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 20 : 3
const random = new Random(seedOf('reconnect'))
/** Far longer than a restart takes on a busy machine. */
const patienceSeconds = 120

let world: World
let uri: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1'], poolCapacity: '1GiB' })
  await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '256MiB')
  uri = await world.must('attach', 'data')
}, 600_000)
afterAll(async () => await world?.remove())

const restart = {
  'kill -9': async () => await world.killAndRestart('local-1'),
  SIGTERM: async () => {
    await world.signal('local-1', 'SIGTERM')
    await world.start('local-1')
  },
} as const

/** Restarts the node while the client runs, at least once, and answers what became of the client. */
async function through(kind: keyof typeof restart, client: Promise<Ran>): Promise<Ran> {
  let ended = false
  const outcome = client.finally(() => (ended = true))
  outcome.catch(() => undefined)
  for (let left = rounds; left > 0 && !ended; left--) {
    await sleep(random.below(400) + 100)
    if (ended) break
    await restart[kind]()
  }
  return await outcome
}

describe.each(['kill -9', 'SIGTERM'] as const)('through %s', (kind) => {
  describe('nbdkit’s retry filter', () => {
    let nbdkit: ChildProcess
    let socket: string
    beforeEach(async () => {
      socket = join(world.folder, 'retry.sock')
      const retry = ['retry=600', 'retries=600', 'retry-delay=1', 'retry-exponential=no']
      const plugin = ['--filter=retry', 'nbd', `uri=${uri}`, ...retry]
      nbdkit = spawn('nbdkit', ['-f', '-U', socket, ...plugin], { stdio: 'ignore' })
      await world.until('nbdkit listens', async () => existsSync(socket), 30_000)
    })
    afterEach(async () => {
      if (nbdkit.exitCode === null) {
        const ended = new Promise((done) => nbdkit.once('exit', done))
        nbdkit.kill('SIGTERM')
        await ended
      }
      rmSync(socket, { force: true })
    })

    test('fio that flushes after each write finds all it wrote', async () => {
      const jobs = ['--numjobs=4', '--offset_increment=32M', '--size=4M', '--bs=4k', '--thread=1']
      const how = ['--ioengine=nbd', `--uri=nbd+unix:///?socket=${socket}`, '--rw=randwrite']
      const checks = ['--fsync=1', '--verify=crc32c', '--verify_fatal=1', '--do_verify=1']
      const paced = ['--rate_iops=400,400', `--randseed=${Math.floor(random.below(2 ** 31))}`]
      const fio = run('fio', ['--name=w', ...jobs, ...how, ...checks, ...paced])
      const { code, stdout, stderr } = await through(kind, fio)
      expect(code, `${stdout}\n${stderr}`).toBe(0)
    })
  })

  test('QEMU’s reconnect-delay: no request fails, and all is there', async () => {
    const export_ = new URL(uri).pathname.slice(1)
    const path = new URL(uri).searchParams.get('socket') ?? ''
    const image = [
      'driver=nbd',
      'server.type=unix',
      `server.path=${path}`,
      `export=${export_}`,
      `reconnect-delay=${patienceSeconds}`,
    ].join(',')
    const writes = ['-w', '-c', '8000', '-d', '4', '-s', '4096', '-S', '8192', '--pattern=0x5c']
    const flushing = ['--flush-interval=8', '--no-drain']
    const opened = ['-t', 'none', '--image-opts', image]
    const bench = run('qemu-img', ['bench', ...writes, ...flushing, ...opened])
    const { code, stdout, stderr } = await through(kind, bench)
    expect(code, `${stdout}\n${stderr}`).toBe(0)
    const reads = ['-c', 'read -P 0x5c 0 4096', '-c', `read -P 0x5c ${7999 * 8192} 4096`]
    await must('qemu-io', ['-r', '-f', 'raw', ...reads, uri])
  })
})

test('in the end the pool is sound', async () => {
  await world.signal('local-1', 'SIGKILL')
  const report = await world.must('pool-check', join(world.folder, 'local-1', 'pool'))
  expect(report).toContain('sound')
})
