// The figures as people read them, as a program does, and against their goals.

import { formatTable } from '../src/cli/table.js'
import type { Case } from './cases.js'
import { type Run, type Runs, medianRun } from './measure.js'
import { type ServerName, serverNames } from './servers.js'

export interface CaseResult {
  readonly measured: Case
  readonly runs: Runs
}

export interface IdleMemory {
  readonly residentBytes: number
  readonly goalBytes: number
}

export interface Judgement {
  readonly goal: string
  readonly measured: string
  readonly met: boolean
}

export function judge(results: readonly CaseResult[], idle?: IdleMemory): Judgement[] {
  const judged = results.flatMap((result) => {
    const { goal, metric, name } = result.measured
    const ours = result.runs.get('ashlar')
    const theirs = goal && result.runs.get(goal.than)
    if (goal === undefined || ours === undefined || theirs === undefined) return []
    const pick = (run: Run) => (metric === 'rate' ? run.iops : run.p50Us)
    const ratio = pick(medianRun(ours)) / pick(medianRun(theirs))
    const met = metric === 'rate' ? ratio >= goal.factor : ratio <= goal.factor
    const sign = metric === 'rate' ? '≥' : '≤'
    const wanted = `${name}: ${sign} ${goal.factor.toFixed(1)} × ${goal.than}`
    return [{ goal: wanted, measured: `${ratio.toFixed(2)} ×`, met }]
  })
  if (idle === undefined) return judged
  const met = idle.residentBytes <= idle.goalBytes
  const goal = `default world, idle: ≤ ${mib(idle.goalBytes)} MiB resident`
  return [...judged, { goal, measured: `${mib(idle.residentBytes)} MiB`, met }]
}

const mib = (bytes: number) => String(Math.round(bytes / 2 ** 20))

export function tables(results: readonly CaseResult[], judgements: readonly Judgement[]): string {
  const columns = ['Case', 'Server', 'IOPS', 'MiB/s', 'p50 µs', 'p99 µs', 'CPU µs/op', 'IOPS range']
  const rows = results.flatMap(({ measured, runs }) =>
    serverNames.flatMap((name) => {
      const all = runs.get(name)
      return all === undefined ? [] : [[measured.name, name, ...figures(all)]]
    }),
  )
  const goals = {
    columns: ['Goal', 'Measured', ''],
    rows: judgements.map(({ goal, measured, met }) => [goal, measured, met ? 'met' : 'not met']),
  }
  return `${formatTable({ columns, rows })}\n${formatTable(goals)}`
}

function figures(runs: readonly Run[]): string[] {
  const { iops, mibPerSecond, p50Us, p99Us, cpuUs } = medianRun(runs)
  const rates = runs.map((run) => run.iops)
  return [
    whole(iops),
    whole(mibPerSecond),
    p50Us.toFixed(0),
    p99Us.toFixed(0),
    cpuUs.toFixed(1),
    `${whole(Math.min(...rates))}–${whole(Math.max(...rates))}`,
  ]
}

const whole = (value: number) => Math.round(value).toLocaleString('en-US').replaceAll(',', ' ')

export function asJson(
  results: readonly CaseResult[],
  judgements: readonly Judgement[],
  about: Readonly<Record<string, unknown>>,
): string {
  const cases = results.map(({ measured, runs }) => ({
    ...measured,
    servers: Object.fromEntries(
      [...runs].map(([name, all]: [ServerName, readonly Run[]]) => [
        name,
        { median: medianRun(all), runs: all },
      ]),
    ),
  }))
  return `${JSON.stringify({ about, cases, goals: judgements }, null, 2)}\n`
}
