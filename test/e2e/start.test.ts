// How a daemon starts: it says Ready when it serves, whatever it hosts, and what keeps it from starting.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, afterEach, expect, test } from 'vitest'

import { SmallDisk, noSmallDisk } from '../support/small-disk.js'
import { run } from '../support/tools.js'

const program = join(resolve(import.meta.dirname, '..', '..'), 'build', 'bin', 'ashlard.js')
const folder = mkdtempSync(join(tmpdir(), 'asht-'))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const regionOn = (data: string) => `[[region]]
name = "alone"
number = 1
data = "${data}"
listen = "unix:${folder}/region.sock"
`
const nodeOn = (data: string) => `[[node]]
name = "node"
zone = "zone"
region = "alone"
region_address = "unix:${folder}/region.sock"
data = "${data}"
pool_capacity = "64MiB"
listen = "unix:${folder}/node.sock"
nbd_unix = "${folder}/node.nbd"
`

function fileOf(config: string): string {
  const file = join(folder, 'config.toml')
  writeFileSync(file, config)
  return file
}

/** What it says on stdout until it says Ready. */
async function startUntilReady(config: string): Promise<ChildProcess> {
  const args = [program, '--config', fileOf(config)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ready = new Promise<string>((done) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (/^Ready\./m.test(text)) done('ready')
    })
  })
  const ended = once(child, 'exit').then(() => `ended: ${said}`)
  expect(await Promise.race([ready, ended])).toBe('ready')
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

test('a region without zones and a node without its region say Ready', async () => {
  await stop(await startUntilReady(regionOn(join(folder, 'region'))))
  await stop(await startUntilReady(nodeOn(join(folder, 'node'))))
})

test.skipIf(noSmallDisk())('a read-only file system is called what it is', async () => {
  const at = join(folder, 'disk')
  const disk = SmallDisk.mount(at, 'size=256m')
  const readOnly = /^ashlard: [^\n]*read-only file system\n$/i
  const remount = (how: string) => spawnSync('mount', ['-o', `remount,${how}`, at])
  try {
    await stop(await startUntilReady(regionOn(join(at, 'region')) + nodeOn(join(at, 'node'))))
    remount('ro')
    for (const config of [
      regionOn(join(at, 'new', 'region')),
      regionOn(join(at, 'region')),
      nodeOn(join(at, 'node')),
    ]) {
      const { code, stderr } = await run(process.execPath, [program, '--config', fileOf(config)])
      expect(stderr).toMatch(readOnly)
      expect(stderr).toContain(at)
      expect(code).toBe(1)
    }
  } finally {
    disk.unmount()
  }
})
