// `npm run demo`, whole, and with one byte wrong.

import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const script = join(resolve(import.meta.dirname, '..', '..'), 'scripts', 'demo.mjs')
/** Short, because the demo puts sockets below it. */
const folder = mkdtempSync(join(tmpdir(), 'asht-'))
const left = join(folder, 'tmp')
beforeAll(() => mkdirSync(left))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function demo(path: string): Promise<{ code: number | null; said: string }> {
  const env = { ...process.env, TMPDIR: left, PATH: path }
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  return new Promise((done) => {
    let said = ''
    for (const pipe of [child.stdout, child.stderr])
      pipe.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
    child.once('close', (code) => done({ code, said }))
  })
}

const path = process.env['PATH'] ?? ''

test('tells the whole story, and leaves nothing behind', async () => {
  const { code, said } = await demo(path)
  expect({ code, said }).toMatchObject({ code: 0 })
  expect(said).toMatch(/\nEverything held, in \d+ s\.\n$/)
  expect(said).not.toContain('\u001b')
  expect(readdirSync(left)).toEqual([])
})

test('ends with 1 when one byte of the image is another one', async () => {
  const tool = join(folder, 'bin', 'qemu-img')
  mkdirSync(join(folder, 'bin'))
  const real = spawnSync('sh', ['-c', 'command -v qemu-img'], { encoding: 'utf8' }).stdout.trim()
  // Behind the back of the demo: the image is changed after it was written to the volume.
  const flip = 'printf X | dd of="$7" bs=1 seek=1500 conv=notrunc status=none'
  writeFileSync(tool, `#!/bin/sh\n${real} "$@" && ${flip}\n`)
  chmodSync(tool, 0o755)
  const { code, said } = await demo(`${join(folder, 'bin')}:${path}`)
  expect({ code, said }).toMatchObject({ code: 1 })
  expect(said).toMatch(/FAILED ashlar verify monday --snapshot monday .* ended with 9/)
  expect(said).not.toContain('Everything held')
  expect(readdirSync(left)).toEqual([])
})
