// The backup programs we are measured beside, each as its users run it on a local repository. Every
// time includes a sync of the repository.

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Change, applyChanges, undoChanges, warm } from './image.js'
import { type Cost, timed } from './timed.js'

export interface Step extends Cost {
  /** Undefined where the program does not say. */
  readonly sentBytes: number | undefined
  readonly storedBytes: number
}

export interface Round {
  readonly full: Step
  readonly incremental: Step
}

export interface Subject {
  readonly bytes: number
  /** The image as it is first; nobody changes it. */
  readonly image: string
  /** A copy of it, which is changed. */
  readonly work: string
  readonly changes: readonly Change[]
}

export interface Peer {
  readonly name: string
  readonly version: () => string
  /** From an empty repository in `folder`. */
  readonly round: (folder: string, subject: Subject) => Promise<Round>
}

const quiet = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const firstLine = (text: string) => text.trim().split('\n')[0] ?? ''
const diskBytes = (path: string) => Number(quiet('du', '-s', '-B1', path).split('\t')[0])

/** A program that copies what it finds into a repository of its own. */
function repositoryPeer(
  name: string,
  version: () => string,
  init: (repository: string) => void,
  save: (repository: string, file: string, step: string) => string,
): Peer {
  const round = async (folder: string, { image, work, changes }: Subject): Promise<Round> => {
    const repository = join(folder, name)
    init(repository)
    const step = async (what: string): Promise<Step> => {
      warm(work)
      const before = diskBytes(repository)
      const cost = await timed(`${save(repository, work, what)}; sync -f ${repository}`, env)
      const storedBytes = diskBytes(repository) - before
      return { ...cost, storedBytes, sentBytes: storedBytes }
    }
    const full = await step('full')
    applyChanges(work, changes)
    try {
      return { full, incremental: await step('incremental') }
    } finally {
      undoChanges(image, work, changes)
      rmSync(repository, { recursive: true, force: true })
    }
  }
  return { name, version, round }
}

const env: NodeJS.ProcessEnv = {
  ...process.env,
  RESTIC_PASSWORD: 'bench',
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
}
const withEnv = (command: string, ...args: string[]) =>
  void execFileSync(command, args, { env, stdio: 'pipe' })

const restic = repositoryPeer(
  'restic',
  () => firstLine(quiet('restic', 'version')),
  (repository) => withEnv('restic', 'init', '--repo', repository),
  (repository, file) => `restic --repo ${repository} --no-cache backup ${file}`,
)
const borg = repositoryPeer(
  'borg',
  () => firstLine(quiet('borg', '--version')),
  (repository) => withEnv('borg', 'init', '--encryption', 'none', repository),
  (repository, file, step) =>
    `borg create --chunker-params fixed,65536 --compression lz4 ${repository}::${step} ${file}`,
)
const casync = repositoryPeer(
  'casync',
  () => firstLine(quiet('casync', '--version')),
  (repository) => mkdirSync(repository),
  (repository, file, step) =>
    `casync make --store=${repository}/default.castr ${repository}/${step}.caibx ${file}`,
)

/** Between two btrfs file systems, each in a file of its own. */
const btrfs: Peer = {
  name: 'btrfs',
  version: () => firstLine(quiet('btrfs', '--version')),
  round: async (folder, { image, changes }) => {
    const [source, target] = [mountNew(folder, 'source'), mountNew(folder, 'target')]
    try {
      const file = join(source, 'live', 'image')
      quiet('btrfs', 'subvolume', 'create', join(source, 'live'))
      quiet('cp', image, file)
      quiet('sync', '-f', source)
      const step = async (name: string, parent: string): Promise<Step> => {
        warm(file)
        const cut = `btrfs subvolume snapshot -r ${source}/live ${source}/${name}`
        const send = `btrfs send -q ${parent} ${source}/${name}`
        const before = usedBytes(target)
        const cost = await timed(`${cut}; ${send} | btrfs receive -q ${target}; sync -f ${target}`)
        const storedBytes = usedBytes(target) - before
        return { ...cost, storedBytes, sentBytes: Number(quiet('sh', '-c', `${send} | wc -c`)) }
      }
      const full = await step('first', '')
      applyChanges(file, changes)
      return { full, incremental: await step('second', `-p ${source}/first`) }
    } finally {
      for (const mounted of [source, target]) quiet('umount', mounted)
    }
  },
}

function mountNew(folder: string, name: string): string {
  const [file, mounted] = [join(folder, `${name}.btrfs`), join(folder, name)]
  writeFileSync(file, '')
  truncateSync(file, 12 * 2 ** 30)
  quiet('mkfs.btrfs', '-q', file)
  mkdirSync(mounted, { recursive: true })
  quiet('mount', '-o', 'loop', file, mounted)
  return mounted
}

function usedBytes(mounted: string): number {
  quiet('btrfs', 'filesystem', 'sync', mounted)
  const used = /^\s*Used:\s+(\d+)/m.exec(quiet('btrfs', 'filesystem', 'usage', '-b', mounted))
  return Number(used?.[1])
}

export const peers: readonly Peer[] = [restic, borg, casync, btrfs]
