// docs/operations.md as a new operator follows it: certificates, two configurations on addresses of
// their own, the first snapshot, and each of the two daemons started again.

import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, expect, test } from 'vitest'

import { must } from '../support/tools.js'

const root = resolve(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'asho-'))
const daemons = new Map<string, ChildProcess>()

/** What stands in the text -> what this machine has. */
const here: readonly (readonly [printed: string, ours: string])[] = [
  ['/var/lib/ashlar', join(folder, 'lib')],
  ['/run/ashlar', join(folder, 'run')],
  ['10.0.0.1:7450', '127.0.0.1:27451'],
  ['10.0.0.2:7460', '127.0.0.2:27461'],
  ['10.0.0.2:10809', '127.0.0.2:27811'],
  ['100GiB', '2GiB'],
]

const text = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
const blocks = (language: string): readonly string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, block = '']) => here.reduce((now, [printed, ours]) => now.replaceAll(printed, ours), block),
  )
const [certificates = '', firstSnapshot = ''] = blocks('sh')
const [region = '', node = ''] = blocks('toml')

const shell = async (script: string, cwd: string) =>
  await must('bash', ['-e', '-o', 'pipefail', '-c', `cd ${cwd}\n${script}`], 120_000)

async function start(site: string): Promise<void> {
  const config = join(folder, site, 'ashlard.toml')
  const program = join(root, 'build', 'bin', 'ashlard.js')
  const child = spawn(process.execPath, [program, '--config', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  daemons.set(site, child)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await new Promise<void>((done, failed) => {
    child.stdout.once('data', () => done())
    child.once('exit', (code) => failed(new Error(`${site} ended with ${code}: ${said}`)))
  })
}

async function stop(site: string): Promise<void> {
  const child = daemons.get(site)
  const ended = new Promise((done) => child?.once('exit', done))
  child?.kill('SIGTERM')
  await ended
}

afterAll(() => {
  for (const child of daemons.values()) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

test('certificates and configurations are as printed', async () => {
  const made = join(folder, 'certificates')
  for (const name of ['certificates', 'lib', 'run']) mkdirSync(join(folder, name), { mode: 0o750 })
  await shell(certificates, made)
  for (const [site, config] of [
    ['main', region],
    ['node-1', node],
  ] as const) {
    const tls = join(folder, site, 'tls')
    mkdirSync(tls, { recursive: true })
    for (const file of ['ca.pem', `${site}.pem`, `${site}.key`]) {
      cpSync(join(made, file), join(tls, file))
    }
    writeFileSync(join(folder, site, 'ashlard.toml'), config)
  }
})

test('neither has to be first, and the first snapshot becomes stable', async () => {
  await start('node-1')
  await start('main')
  const said = await shell(firstSnapshot, root)
  expect(said).toContain('main-1')
  expect(said).toContain('nbd+unix:///')
})

test('an attachment is there for hosts on the network, and after restarts of both', async () => {
  const endpoint = `export ASHLAR_ENDPOINT=unix:${join(folder, 'run', 'api.sock')}`
  const attached = async () =>
    JSON.parse(await shell(`${endpoint}\nnpx ashlar attachments --output json`, root)) as unknown
  const before = await attached()
  const uri = /nbd:\/\/127\.0\.0\.2:27811\/[\w-]+/.exec(JSON.stringify(before))?.[0] ?? ''
  await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 1M', '-c', 'flush', uri])
  for (const site of ['main', 'node-1']) {
    await stop(site)
    await start(site)
  }
  expect(await attached()).toMatchObject(before as object)
  await must('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0x5a 0 1M', uri])
})

test('the unit starts what there is', () => {
  const unit = readFileSync(join(root, 'packaging', 'ashlard.service'), 'utf8')
  const program = /^ExecStart=\/usr\/bin\/node \/opt\/ashlar\/(\S+) --config \S+$/m.exec(unit)?.[1]
  expect(readFileSync(join(root, program ?? ''), 'utf8')).toMatch(/^#!/)
})
