// The servers that are measured, each as its users run it: ashlard with the default world, nbdkit's file
// plugin and qemu-nbd on a raw file of the same size. All keep their data in one folder, on one file
// system, behind Unix sockets.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export const serverNames = ['ashlar', 'nbdkit', 'qemu-nbd'] as const
export type ServerName = (typeof serverNames)[number]

export interface Server {
  readonly name: ServerName
  readonly pid: number
  /** Of one volume of `sizeBytes`, for any NBD client. */
  readonly uri: string
  stop(): Promise<void>
}

const built = resolve(import.meta.dirname, '..', 'bin')
const execute = promisify(execFile)

export interface Folders {
  readonly data: string
  /** Short: a socket's path has 107 bytes at most. */
  readonly sockets: string
}

export async function startServer(
  name: ServerName,
  folders: Folders,
  sizeBytes: number,
): Promise<Server> {
  if (name === 'ashlar') return (await startAshlar(folders)).attach(sizeBytes)
  mkdirSync(folders.data, { recursive: true })
  const file = join(folders.data, 'disk')
  const socket = join(folders.sockets, name)
  writeFileSync(file, '')
  truncateSync(file, sizeBytes)
  const child = spawn(...peerCommand(name, file, socket), {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await until(`${name} listens`, () => existsSync(socket) || gone(child))
  return { name, pid: pidOf(child), uri: `nbd+unix:///?socket=${socket}`, stop: () => stop(child) }
}

/** Their defaults but for what serving one file to one host for long needs. */
function peerCommand(
  name: 'nbdkit' | 'qemu-nbd',
  file: string,
  socket: string,
): [command: string, args: string[]] {
  if (name === 'nbdkit') return ['nbdkit', ['-f', '-U', socket, 'file', file]]
  const served = ['-f', 'raw', '--cache=writeback', '--aio=threads', '-e', '16']
  return ['qemu-nbd', ['-t', '-k', socket, ...served, file]]
}

export interface Ashlar {
  readonly pid: number
  /** Makes a volume in the first zone and attaches it. */
  attach(sizeBytes: number): Promise<Server>
  stop(): Promise<void>
}

/** The default world in a new data folder. */
export async function startAshlar({ data, sockets }: Folders): Promise<Ashlar> {
  const endpoint = `unix:${join(sockets, 'region')}`
  const env = {
    ...process.env,
    ASHLAR_DATA_DIR: data,
    ASHLAR_ENDPOINT: endpoint,
    ASHLAR_NBD_PORT: '27809', // beside a world that may be running on this machine
  }
  const child = spawn(process.execPath, [join(built, 'ashlard.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let up = false
  child.stdout.on('data', () => {
    up = true
  })
  await until('ashlard is up', () => up || gone(child))
  const pid = pidOf(child)
  const cli = async (...args: string[]) =>
    (await execute(process.execPath, [join(built, 'ashlar.js'), ...args], { env })).stdout
  const attach = async (sizeBytes: number): Promise<Server> => {
    const size = `${sizeBytes / 2 ** 20}MiB`
    await cli('volume-create', '--name', 'bench', '--zone', 'local-1', '--size', size)
    const uri = (await cli('attach', 'bench')).trim()
    return { name: 'ashlar', pid, uri, stop: () => stop(child) }
  }
  return { pid, attach, stop: () => stop(child) }
}

function pidOf(child: ChildProcess): number {
  if (gone(child) || child.pid === undefined)
    throw new Error(`${child.spawnfile} did not start; it says why above`)
  return child.pid
}

const gone = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries === 600) throw new Error(`not in a minute: ${what}`)
    await sleep(100)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (gone(child)) return
  const ended = new Promise((done) => child.once('exit', done))
  child.kill('SIGTERM')
  await ended
}
