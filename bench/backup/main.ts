// `npm run bench backup`: a snapshot beside a backup of the same image, by restic, borg, casync and
// btrfs send | receive, in one run, in turns.
//
//   npm run bench backup                      three rounds
//   npm run bench backup -- --image FILE      of this image instead of a built one
//   npm run bench backup -- --rounds N --json FILE --dir DIR --only ashlar --only borg
//   npm run bench backup -- --only goals      what has no peer: restores, clones, copies, deletes

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, release, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execFileSync } from 'node:child_process'
import { parseArgs } from 'node:util'

import { round as ashlarRound } from './ashlar.js'
import { measureGoals } from './goals.js'
import { blockBytes, buildImage, makeChanges } from './image.js'
import { type Round, type Subject as PeerSubject, peers } from './peers.js'
import { type Judged, goalTable, judgePeers, peerTable } from './report.js'

const { values: flags } = parseArgs({
  options: {
    image: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    json: { type: 'string' },
    dir: { type: 'string', default: resolve(import.meta.dirname, '..', '..') },
  },
})
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number')

const tell = (what: string) => process.stderr.write(`${what}\n`)
const message = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown))

interface Measured {
  readonly name: string
  version: string
  readonly run: (folder: string, subject: PeerSubject) => Promise<Round>
  readonly rounds: Round[]
  missing: string | undefined
}

// Socket paths are short: they cannot lie below a deep --dir.
const sockets = mkdtempSync(join(tmpdir(), 'ashb-'))
const folder = mkdtempSync(join(resolve(flags.dir), 'bench-backup-'))
try {
  const image = flags.image ?? join(resolve(flags.dir), 'backup-image.ext4')
  if (flags.image === undefined) buildImage(image, folder, tell)
  const bytes = statSync(image).size
  const work = join(folder, 'image')
  execFileSync('cp', [image, work])
  execFileSync('sync')
  const subject = { image, work, bytes, changes: makeChanges(bytes, 1) }

  const measured: Measured[] = [
    {
      name: 'ashlar',
      version: 'ashlar',
      run: async (at: string, what: PeerSubject) => await ashlarRound(at, sockets, what),
      rounds: [],
      missing: undefined,
    },
    ...peers.map(({ name, round }) => ({
      name,
      version: name,
      run: round,
      rounds: [],
      missing: undefined,
    })),
  ].filter(({ name }) => flags.only?.includes(name) ?? true)
  for (const peer of peers) {
    const entry = measured.find(({ name }) => name === peer.name)
    if (entry !== undefined) entry.version = peer.version()
  }
  for (let at = 0; at < rounds; at++) {
    for (const entry of [
      ...measured.slice(at % measured.length),
      ...measured.slice(0, at % measured.length),
    ]) {
      if (entry.missing !== undefined) continue
      tell(`round ${at + 1} of ${rounds}: ${entry.name}`)
      const own = join(folder, entry.name)
      mkdirSync(own)
      try {
        entry.rounds.push(await entry.run(own, subject))
      } catch (thrown) {
        entry.missing = message(thrown)
        tell(`${entry.name}: ${entry.missing}`)
      }
      rmSync(own, { recursive: true, force: true })
    }
  }
  const alone: readonly Judged[] =
    (flags.only?.includes('goals') ?? true)
      ? await measureGoals({
          folder: join(folder, 'goals'),
          sockets,
          image,
          bytes,
          crowd: 1000,
          tell,
        })
      : []
  const peerGoals =
    measured.length === 0 ? [] : judgePeers(measured, subject.changes.length * blockBytes)
  const judged = [...peerGoals, ...alone]
  const about = {
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? ''}`,
    kernel: release(),
    bytes,
    rounds,
  }
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ about, measured, goals: judged }, null, 2)}\n`)
  process.stdout.write(`${peerTable(measured)}
The peers scan the whole image to find what changed; a volume knows it. Sent and stored are what the
repository grew by, for btrfs the stream; ours are what crossed gRPC and what the region's store grew by.

${goalTable(judged)}`)
} finally {
  for (const path of [folder, sockets]) rmSync(path, { recursive: true, force: true })
}
