// `npm run bench`: our NBD server beside nbdkit and qemu-nbd, in one run, alternating.
//
//   npm run bench                          all cases, five rounds, about an hour
//   npm run bench -- --quick               three short rounds: for the edit-and-measure loop only
//   npm run bench -- --only randwrite      cases whose name contains this; may be given again
//   npm run bench -- --json FILE           every run's figures too; --output json prints the same
//   npm run bench -- --dir DIR             where the servers keep their data (default: build/)

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { cases } from './cases.js'
import { verify } from './fio.js'
import { type Effort, measureCase } from './measure.js'
import { residentBytes } from './process.js'
import { type CaseResult, type IdleMemory, asJson, judge, tables } from './report.js'
import { type Folders, type Server, startAshlar, startServer } from './servers.js'

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    output: { type: 'string', default: 'table' },
    json: { type: 'string' },
    dir: { type: 'string', default: resolve(import.meta.dirname, '..') },
  },
})

const sizeBytes = 2 ** 31
const idleSeconds = 10

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} must be a whole number above 0, not ${text ?? ''}`)
}

const effort: Effort = {
  sizeBytes,
  rounds: positive('rounds', flags.rounds, flags.quick ? 3 : 5),
  shortSeconds: positive('seconds', flags.seconds, flags.quick ? 3 : 10),
  longSeconds: positive('seconds', flags.seconds, flags.quick ? 6 : 30),
}
const chosen = cases.filter(({ name }) => flags.only?.some((part) => name.includes(part)) ?? true)
if (chosen.length === 0)
  throw new Error(`no case matches; there are: ${cases.map(({ name }) => name).join('; ')}`)

const tell = (what: string) => process.stderr.write(`${what}\n`)

/** The world as `npm start` leaves it, before anybody used it. */
async function idleMemory(folders: Folders): Promise<IdleMemory> {
  tell(`the default world, idle for ${idleSeconds} s`)
  const world = await startAshlar(folders)
  await sleep(idleSeconds * 1000)
  const resident = residentBytes(world.pid)
  await world.stop()
  return { residentBytes: resident, goalBytes: 300 * 2 ** 20 }
}

function about(): Record<string, unknown> {
  const version = (command: string) =>
    execFileSync(command, ['--version'], { encoding: 'utf8' }).split('\n')[0]
  return {
    quick: flags.quick,
    effort,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    kernel: release(),
    node: process.version,
    nbdkit: version('nbdkit'),
    qemuNbd: version('qemu-nbd'),
    fio: version('fio'),
  }
}

// Socket paths are short: they cannot lie below a deep --dir.
const sockets = mkdtempSync(join(tmpdir(), 'ashb-'))
const folder = mkdtempSync(join(resolve(flags.dir), 'bench-data-'))
const servers: Server[] = []
try {
  const idle =
    flags.only === undefined ? await idleMemory({ data: join(folder, 'idle'), sockets }) : undefined
  for (const name of ['ashlar', 'nbdkit', 'qemu-nbd'] as const)
    servers.push(await startServer(name, { data: join(folder, name), sockets }, sizeBytes))
  for (const { name, uri } of servers) {
    tell(`${name}: what is written reads back`)
    await verify(uri, sizeBytes / 8)
  }
  const results: CaseResult[] = []
  for (const measured of chosen)
    results.push({ measured, runs: await measureCase(measured, servers, effort, tell) })
  for (const { name, uri } of servers) {
    tell(`${name}: what is written still reads back`)
    await verify(uri, sizeBytes / 8)
  }
  const judgements = judge(results, idle)
  const json = asJson(results, judgements, about())
  if (flags.json !== undefined) writeFileSync(flags.json, json)
  process.stdout.write(flags.output === 'json' ? json : tables(results, judgements))
  if (flags.quick) tell('--quick: too short and too few runs to be quoted')
} finally {
  for (const server of servers) await server.stop()
  for (const path of [folder, sockets]) rmSync(path, { recursive: true, force: true })
}
