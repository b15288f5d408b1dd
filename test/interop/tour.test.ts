// The README's tour, as printed, against the default world.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'asht-'))
// Ports away from those of a world that may be running on this machine.
const env = {
  ...process.env,
  ASHLAR_DATA_DIR: join(folder, 'data'),
  ASHLAR_ENDPOINT: '127.0.0.1:17440',
  ASHLAR_NBD_PORT: '18809',
}

function tour(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const script = /```sh\n([\s\S]*?)```/.exec(readme)?.[1]
  if (script === undefined) throw new Error('README.md has no tour')
  return script
}

interface Ended {
  readonly code: number | null
  readonly said: string
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((done) => {
    let said = ''
    for (const pipe of [child.stdout, child.stderr])
      pipe?.on('data', (chunk: Buffer) => {
        said += chunk.toString()
      })
    child.once('close', (code) => done({ code, said }))
  })
}

describe('the default world', () => {
  let daemon: ChildProcess
  let daemonEnded: Promise<Ended>
  beforeAll(async () => {
    daemon = spawn(process.execPath, [join(root, 'build/bin/ashlard.js')], { env, cwd: folder })
    daemonEnded = ended(daemon)
    await new Promise<void>((done, failed) => {
      daemon.stdout?.once('data', () => done())
      void daemonEnded.then(({ said }) => failed(new Error(said)))
    })
  })
  afterAll(() => {
    daemon.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  test('does what the tour in the README says, as printed', async () => {
    const shell = spawn('bash', ['-e', '-o', 'pipefail', '-c', tour()], { env, cwd: root })
    const { code, said } = await ended(shell)
    expect(said).toContain('Images are identical.')
    expect({ code, said }).toMatchObject({ code: 0 })
  })

  test('ends by itself after a signal', async () => {
    daemon.kill('SIGINT')
    expect((await daemonEnded).code).toBe(0)
  })
})
