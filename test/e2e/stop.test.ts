// How a daemon ends: hosts that reconnect do not notice a planned restart, and it drains whatever became
// of its stdin, stdout, stderr and terminal.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { run } from '../support/tools.js'
import { World } from '../support/world.js'

const program = join(resolve(import.meta.dirname, '..', '..'), 'build', 'bin', 'ashlard.js')

const folders: string[] = []
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries === 2400) throw new Error(`not within two minutes: ${what}`)
    await sleep(50)
  }
}

describe('a planned restart', () => {
  test('qemu-img bench with reconnect-delay goes on through three', async () => {
    const world = await World.start({ zones: ['local-1'], poolCapacity: '512MiB' })
    try {
      const create = ['volume-create', '--name', 'v', '--zone', 'local-1', '--size', '64MiB']
      await world.must(...create)
      const uri = await world.must('attach', 'v')
      const id = new URL(uri).pathname.slice(1)
      const path = new URL(uri).searchParams.get('socket') ?? ''
      const image = `driver=nbd,server.type=unix,server.path=${path},export=${id},reconnect-delay=120`
      let ended = false
      const shape = ['-w', '-c', '400000', '-d', '8', '-s', '4096', '--pattern=7', '-t', 'none']
      const bench = run('qemu-img', ['bench', ...shape, '--image-opts', image]).finally(() => {
        ended = true
      })
      const looks = async (client: NbdClient) => (await client.read(0, 4096))[0] === 7
      const first = await NbdClient.connect(uri)
      await until(async () => await looks(first), 'the bench writes')
      for (let restart = 0; restart < 3 && !ended; restart++) {
        expect(ended, 'the bench was at work when the daemon was stopped').toBe(false)
        await world.signal('local-1', 'SIGTERM')
        await world.start('local-1')
        // It goes around the volume: it is back when it writes this block once more.
        const client = await NbdClient.connect(uri)
        await client.write(0, Buffer.alloc(4096))
        await until(async () => ended || (await looks(client)), 'the bench is back')
        client.close()
      }
      first.abandon()
      const { code, stderr } = await bench
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    } finally {
      await world.remove()
    }
  })
})

interface Small {
  readonly config: string
  readonly nbd: string
  readonly pidFile: string
}

/** A region and a node, for one process. */
function small(): Small {
  const folder = mkdtempSync(join(tmpdir(), 'ashs-'))
  folders.push(folder)
  const config = join(folder, 'ashlar.toml')
  const nbd = join(folder, 'n.nbd')
  writeFileSync(
    config,
    `[[region]]
name = "local"
number = 1
data = "region"
listen = "unix:${folder}/region.sock"
peers = []
[[node]]
name = "local-1-a"
zone = "local-1"
region = "local"
listen = "unix:${folder}/n.sock"
region_address = "unix:${folder}/region.sock"
data = "n"
pool_capacity = "64MiB"
nbd_unix = "${nbd}"
`,
  )
  return { config, nbd, pidFile: join(folder, 'pid') }
}

describe('it drains', () => {
  // A pipe of Node's would be a socket; bash makes real ones. `tail` is a reader that reads nothing.
  const keepOpen = 'exec 3> >(exec tail -f /dev/null --pid=$$);'
  test.each([
    ['closed', '', '<&- >&- 2>&-'],
    ['a full pipe', `${keepOpen} head -c 65536 /dev/zero >&3;`, '>&3 2>&3'],
    [
      'a pipe whose reader is gone',
      'exec 3> >(exec true); while kill -0 $! 2>/dev/null; do sleep 0.02; done;',
      '>&3 2>&3',
    ],
    ['a full disk', '', '>/dev/full 2>/dev/full'],
  ])('with stdout and stderr %s', async (_, prepare, redirect) => {
    const { config, nbd } = small()
    const command = `${prepare} exec ${process.execPath} ${program} --config ${config} ${redirect}`
    const env = { ...process.env, ASHLAR_LOG: 'trace' }
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'inherit', 'inherit'], env })
    children.push(child)
    const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)))
    let code: unknown
    void ended.then((how) => (code = how))
    await until(() => existsSync(nbd) || code !== undefined, 'it serves')
    // What is logged then meets the same reader.
    await sleep(500)
    expect(code, 'it runs').toBe(undefined)
    child.kill('SIGTERM')
    await until(() => code !== undefined, 'it ends')
    expect(code).toBe(0)
    expect(existsSync(nbd), 'the NBD server was stopped in order').toBe(false)
  })

  test.each([
    ['the leader of its session', 'echo $$ > PID; exec DAEMON'],
    ['a child of its shell', 'DAEMON & echo $! > PID; wait'],
  ])('when its terminal is closed, as %s', async (_, command) => {
    const { config, nbd, pidFile } = small()
    const daemon = `${process.execPath} ${program} --config ${config}`
    const inTerminal = command.replace('PID', pidFile).replace('DAEMON', daemon)
    const child = spawn('script', ['-qec', inTerminal, '/dev/null'], { stdio: 'ignore' })
    children.push(child)
    await until(() => existsSync(nbd), 'it serves')
    const pid = Number(readFileSync(pidFile, 'utf8'))
    // SIGHUP alone is about certificates.
    process.kill(pid, 'SIGHUP')
    await sleep(300)
    expect(runs(pid)).toBe(true)
    child.kill('SIGKILL')
    try {
      await until(() => !runs(pid), 'it ends with its terminal')
    } finally {
      if (runs(pid)) process.kill(pid, 'SIGKILL')
    }
    expect(existsSync(nbd), 'the NBD server was stopped in order').toBe(false)
  })
})

function runs(pid: number): boolean {
  try {
    // An orphan that has ended may wait for somebody to notice.
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
