// The world without a configuration, started by whoever there is: in a container a user often has no
// entry in passwd.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterEach, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'

const program = join(resolve(import.meta.dirname, '..', '..'), 'build', 'bin', 'ashlard.js')
const nobodysUid = 61_234

let child: ChildProcess | undefined
let folder = ''
afterEach(async () => {
  if (child?.exitCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

test('starts and serves for a uid without an entry in passwd', async () => {
  folder = mkdtempSync(join(tmpdir(), 'ashd-'))
  chownSync(folder, nobodysUid, nobodysUid)
  chmodSync(folder, 0o700)
  const endpoint = `unix:${folder}/api.sock`
  const user = [`--reuid=${nobodysUid}`, `--regid=${nobodysUid}`, '--clear-groups']
  child = spawn('setpriv', [...user, process.execPath, program], {
    cwd: '/',
    env: {
      PATH: process.env['PATH'],
      ASHLAR_DATA_DIR: join(folder, 'data'),
      ASHLAR_ENDPOINT: endpoint,
      ASHLAR_NBD_PORT: String(await freePort()),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const up = child.stdout === null ? undefined : once(child.stdout, 'data').then(() => 'up')
  const ended = once(child, 'exit').then(() => `ended: ${said}`)
  expect(await Promise.race([up, ended])).toBe('up')
  const client = new Client(endpoint)
  const { zones } = await client.topology.listZones({})
  expect(zones.map(({ name }) => name)).toContain('local-1')
  client.close()
}, 60_000)
