// PostgreSQL on ext4 on a loop device over nbdfuse, behind a client that reconnects (nbdkit's retry filter):
// the host of the volume is killed while PostgreSQL writes its checkpoints. PostgreSQL notices
// nothing, and afterwards nothing is wrong: the file system, the checksums of all pages, indexes
// against their tables, pgbench's sums, and every transaction that was acknowledged.

import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { PoolHost } from '../support/pool-host.js'
import { Random, seedOf } from '../support/random.js'
import { must, noLoopMounts, run } from '../support/tools.js'

const soak = process.env['ASHLAR_SOAK'] === '1'
const runs = soak ? 20 : 1
const kills = soak ? 7 : 3
const binaries = newestBinaries()
const asPostgres = ['--reuid=postgres', '--regid=postgres', '--clear-groups']
const MiB = 1n << 20n

/** Debian keeps versions side by side. */
function newestBinaries(): string {
  const all = '/usr/lib/postgresql'
  const versions = existsSync(all) ? readdirSync(all).map(Number) : []
  return join(all, String(Math.max(0, ...versions)), 'bin')
}

function missing(): string | undefined {
  if (!existsSync(join(binaries, 'initdb'))) return 'needs PostgreSQL'
  return noLoopMounts()
}

/** The volume as a block device of this machine, by way of programs that reconnect. */
class Mounted {
  readonly #host: PoolHost
  readonly #socket: string
  readonly #disk: string
  readonly folder: string
  #children: ChildProcess[] = []

  constructor(host: PoolHost) {
    this.#host = host
    this.#socket = join(host.folder, 'retry.sock')
    this.#disk = join(host.folder, 'fuse', 'disk')
    this.folder = join(host.folder, 'mount')
    mkdirSync(join(host.folder, 'fuse'))
    mkdirSync(this.folder)
    chmodSync(host.folder, 0o755)
  }

  async connect(): Promise<void> {
    const retry = ['retry=600', 'retries=600', 'retry-delay=1', 'retry-exponential=no']
    const nbdkit = ['-f', '-U', this.#socket, '--filter=retry', 'nbd', `uri=${this.#host.uri}`]
    this.#children.push(spawn('nbdkit', [...nbdkit, ...retry], { stdio: 'ignore' }))
    await until('nbdkit listens', async () => existsSync(this.#socket))
    const uri = `nbd+unix:///?socket=${this.#socket}`
    this.#children.push(spawn('nbdfuse', [this.#disk, uri], { stdio: 'inherit' }))
    await until(
      'nbdfuse serves',
      async () => existsSync(this.#disk) && statSync(this.#disk).size > 0,
    )
  }

  async mount(): Promise<void> {
    await must('mount', ['-o', 'loop', this.#disk, this.folder])
  }

  async unmount(): Promise<void> {
    await must('umount', [this.folder])
  }

  async format(): Promise<void> {
    await must('mkfs.ext4', ['-q', '-F', this.#disk])
  }

  async checkFileSystem(): Promise<void> {
    await must('e2fsck', ['-fn', this.#disk])
  }

  async disconnect(): Promise<void> {
    await run('fusermount3', ['-u', join(this.#host.folder, 'fuse')])
    await this.#end('SIGTERM')
  }

  /** Whoever still waits for it gets errors. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async abandon(): Promise<void> {
    await run('umount', ['-l', this.folder])
    await run('fusermount3', ['-uz', join(this.#host.folder, 'fuse')])
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((done) => child.once('exit', done))
      child.kill(signal)
      await ended
    }
    rmSync(this.#socket, { force: true })
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let left = 1200; left > 0; left--) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`not in two minutes: ${what}`)
}

/** One cluster, in a folder of the mounted file system; its socket lies beside. */
class Postgres {
  readonly #data: string
  readonly #sockets: string

  constructor(mount: string, sockets: string) {
    this.#data = join(mount, 'pg')
    this.#sockets = sockets
  }

  async #as(program: string, args: readonly string[]): Promise<string> {
    return await must('setpriv', [...asPostgres, join(binaries, program), ...args])
  }

  /** Ground for pgbench and for what one session after another is told was committed. */
  async create(): Promise<void> {
    mkdirSync(this.#data)
    mkdirSync(this.#sockets)
    await must('chown', ['postgres', this.#data, this.#sockets])
    const plain = [
      '-D',
      this.#data,
      '-A',
      'trust',
      '--no-locale',
      '-E',
      'UTF8',
      '--no-instructions',
    ]
    await this.#as('initdb', [...plain, '--data-checksums'])
    await this.start()
    await this.#as('pgbench', ['-h', this.#sockets, '-i', '-s', '2', '-q', 'postgres'])
    await this.query('CREATE TABLE told (id bigint PRIMARY KEY, note text)')
    await this.query('CREATE EXTENSION amcheck')
  }

  async start(): Promise<void> {
    const settings = [
      'listen_addresses=',
      `unix_socket_directories=${this.#sockets}`,
      'shared_buffers=16MB',
      'max_wal_size=32MB',
      'checkpoint_completion_target=0.1',
    ]
    const options = settings.map((each) => `-c ${each}`).join(' ')
    const log = join(this.#sockets, 'log')
    await this.#as('pg_ctl', [
      '-D',
      this.#data,
      '-w',
      '-t',
      '300',
      '-l',
      log,
      '-o',
      options,
      'start',
    ])
  }

  async stop(): Promise<void> {
    await this.#as('pg_ctl', ['-D', this.#data, '-w', '-t', '300', '-m', 'fast', 'stop'])
  }

  /** When something went wrong, or nothing is left of it. */
  async destroy(): Promise<void> {
    const stop = ['-D', this.#data, '-t', '20', '-m', 'immediate', 'stop']
    await run('setpriv', [...asPostgres, join(binaries, 'pg_ctl'), ...stop])
  }

  async query(sql: string): Promise<string> {
    const plain = ['-h', this.#sockets, '-X', '-At', '-v', 'ON_ERROR_STOP=1', '-c', sql]
    return (await this.#as('psql', [...plain, 'postgres'])).trim()
  }

  /** Transactions until it is ended. */
  bench(): ChildProcess {
    const args = ['-h', this.#sockets, '-c', '4', '-T', '3600', '-n', 'postgres']
    return spawn('setpriv', [...asPostgres, join(binaries, 'pgbench'), ...args], {
      stdio: 'ignore',
    })
  }

  /** Inserts one row after another, and says which were answered. */
  async told(stop: AbortSignal): Promise<number> {
    const plain = ['-h', this.#sockets, '-X', '-v', 'ON_ERROR_STOP=1', 'postgres']
    const program = [...asPostgres, join(binaries, 'psql'), ...plain]
    const psql = spawn('setpriv', program, { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise((done) => psql.once('exit', done))
    let answered = 0
    const next = () => psql.stdin.write(`INSERT INTO told VALUES (${answered + 1}, 'note');\n`)
    next()
    for await (const line of createInterface({ input: psql.stdout })) {
      if (!line.startsWith('INSERT')) continue
      answered++
      if (stop.aborted) break
      next()
    }
    psql.stdin.end()
    await ended
    return answered
  }

  async checkOffline(): Promise<void> {
    await this.#as('pg_checksums', ['--check', '-D', this.#data])
  }

  async checkOnline(): Promise<void> {
    const how = ['--heapallindexed', '--on-error-stop', 'postgres']
    await this.#as('pg_amcheck', ['-h', this.#sockets, ...how])
  }
}

const reason = missing()
test.skipIf(reason !== undefined)(
  `${runs} × ${kills} kills in checkpoints, and nothing is wrong${reason === undefined ? '' : ` (${reason})`}`,
  async () => {
    const random = new Random(seedOf('postgres'))
    for (let at = 0; at < runs; at++) await once(random)
  },
  runs * 600_000,
)

async function once(random: Random): Promise<void> {
  const host = new PoolHost(2048n * MiB)
  const disk = new Mounted(host)
  const postgres = new Postgres(disk.folder, join(host.folder, 'sockets'))
  const stop = new AbortController()
  try {
    await host.start()
    await host.attachVolume(512n * MiB)
    await disk.connect()
    await disk.format()
    await disk.mount()
    await postgres.create()

    const bench = postgres.bench()
    const told = postgres.told(stop.signal)
    for (let left = kills; left > 0; left--) {
      await sleep(500 + random.below(1000))
      const checkpoint = postgres.query('CHECKPOINT')
      await sleep(random.below(300))
      await host.kill()
      await host.start()
      await checkpoint
    }
    stop.abort()
    const answered = await told
    bench.kill('SIGTERM')
    await postgres.stop()
    await disk.unmount()
    await disk.disconnect()

    // From here on nothing is in anybody's memory.
    await disk.connect()
    await disk.checkFileSystem()
    await disk.mount()
    await postgres.checkOffline()
    await postgres.start()
    await postgres.checkOnline()
    expect(answered).toBeGreaterThan(kills)
    const rows = await postgres.query('SELECT count(*), max(id) FROM told')
    expect(rows.split('|').map(Number)).toEqual([answered, answered])
    const sums = [
      'pgbench_accounts.abalance',
      'pgbench_tellers.tbalance',
      'pgbench_branches.bbalance',
    ]
    const parts = [...sums, 'pgbench_history.delta'].map((each) => {
      const [table, column] = each.split('.')
      return `(SELECT coalesce(sum(${column}), 0) FROM ${table})`
    })
    const found = new Set((await postgres.query(`SELECT ${parts.join(', ')}`)).split('|'))
    expect(found.size).toBe(1)
    await postgres.stop()
  } finally {
    await disk.kill()
    await postgres.destroy()
    await disk.abandon()
    await host.dispose()
  }
}
