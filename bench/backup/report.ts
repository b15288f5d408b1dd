// The figures as a table and against their goals.

import { formatBytes } from '../../src/base/bytes.js'
import { formatTable } from '../../src/cli/table.js'
import type { Round, Step } from './peers.js'

export interface Subject {
  readonly name: string
  readonly version: string
  /** Empty when it could not be measured; then `missing` says why. */
  readonly rounds: readonly Round[]
  readonly missing: string | undefined
}

export interface Judged {
  readonly goal: string
  readonly measured: string
  readonly met: boolean
}

const steps = ['full', 'incremental'] as const
type StepName = (typeof steps)[number]

/** The run whose time is the middle one. */
function median(subject: Subject, step: StepName): Step | undefined {
  const sorted = subject.rounds.map((round) => round[step]).sort((a, b) => a.seconds - b.seconds)
  return sorted[Math.floor(sorted.length / 2)]
}

export function peerTable(subjects: readonly Subject[]): string {
  const columns = ['Step', 'Program', 'Seconds', 'Range', 'CPU s', 'Peak memory', 'Sent', 'Stored']
  const rows = steps.flatMap((step) =>
    subjects.map((subject) => {
      const run = median(subject, step)
      if (run === undefined) return [step, subject.name, 'missing', '', '', '', '', '']
      const times = subject.rounds.map((round) => round[step].seconds)
      return [
        step,
        subject.version,
        run.seconds.toFixed(2),
        `${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)}`,
        run.cpuSeconds.toFixed(2),
        size(run.peakBytes),
        run.sentBytes === undefined ? '-' : size(run.sentBytes),
        size(run.storedBytes),
      ]
    }),
  )
  return formatTable({ columns, rows })
}

const size = (bytes: number) => formatBytes(BigInt(Math.round(bytes)))

export function judgePeers(subjects: readonly Subject[], changedBytes: number): readonly Judged[] {
  const of = (name: string, step: StepName) => {
    const subject = subjects.find((candidate) => candidate.name === name)
    return subject === undefined ? undefined : median(subject, step)
  }
  const [full, incremental] = [of('ashlar', 'full'), of('ashlar', 'incremental')]
  return [
    times('full', 0.65, full, of('borg', 'full'), 'borg'),
    times('incremental', 0.1, incremental, of('borg', 'incremental'), 'borg'),
    times('incremental', 0.25, incremental, of('btrfs', 'incremental'), 'btrfs'),
    atMost('incremental, bytes sent', 1.1, incremental?.sentBytes, changedBytes, 'bytes changed'),
    ...steps.map((step) =>
      atMost(
        `${step}, bytes stored`,
        1,
        of('ashlar', step)?.storedBytes,
        of('borg', step)?.storedBytes,
        'borg',
      ),
    ),
  ]
}

function times(
  step: StepName,
  factor: number,
  ours: Step | undefined,
  theirs: Step | undefined,
  peer: string,
): Judged {
  return atMost(`${step}, time`, factor, ours?.seconds, theirs?.seconds, peer)
}

/** A peer that is missing is a goal not met. */
function atMost(
  what: string,
  factor: number,
  ours: number | undefined,
  theirs: number | undefined,
  than: string,
): Judged {
  const goal = `${what}: ≤ ${factor} × ${than}`
  if (ours === undefined || theirs === undefined || theirs === 0)
    return { goal, measured: 'missing', met: false }
  return { goal, measured: `${(ours / theirs).toFixed(3)} ×`, met: ours <= factor * theirs }
}

export function goalTable(judged: readonly Judged[]): string {
  const rows = judged.map(({ goal, measured, met }) => [goal, measured, met ? 'met' : 'not met'])
  return formatTable({ columns: ['Goal', 'Measured', ''], rows })
}
