// Runs the programs that stand for our users: libnbd's tools, qemu, fio, mkfs and friends.

import { execFile, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs to the end and answers whatever it said; a signal counts as code 255. */
export function run(command: string, args: readonly string[], timeoutMs = 300_000): Promise<Ran> {
  return new Promise((resolve) => {
    // fio leaves state files where it runs.
    const options = { timeout: timeoutMs, maxBuffer: 64 << 20, cwd: tmpdir() }
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255
      resolve({ code, stdout, stderr })
    })
  })
}

/** Like run, but anything but success is an error that shows what was said. */
export async function must(
  command: string,
  args: readonly string[],
  timeoutMs?: number,
): Promise<string> {
  const ran = await run(command, args, timeoutMs)
  if (ran.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} → ${ran.code}\n${ran.stdout}\n${ran.stderr}`)
  }
  return ran.stdout
}

/** Why a test with FUSE and a loop device cannot run here, or undefined when it can. */
export function noLoopMounts(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  if (spawnSync('test', ['-c', '/dev/fuse']).status !== 0) return 'needs /dev/fuse'
  const loop = spawnSync('losetup', ['-f'])
  return loop.status === 0 ? undefined : 'needs a loop device'
}

/** A TCP port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
