// Runs of one case against all servers in turn, so that a machine that slows down slows all of them.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type { Case } from './cases.js'
import { type FioRun, fill, runFor } from './fio.js'
import { cpuSeconds } from './process.js'
import type { Server, ServerName } from './servers.js'

const execute = promisify(execFile)

export interface Run {
  readonly iops: number
  readonly mibPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Of the server, user and system, for each request. */
  readonly cpuUs: number
}

export interface Effort {
  readonly sizeBytes: number
  readonly rounds: number
  readonly shortSeconds: number
  readonly longSeconds: number
}

export type Runs = ReadonlyMap<ServerName, readonly Run[]>

/** `rounds` runs for each server, after a short one of each that is not counted. */
export async function measureCase(
  measured: Case,
  servers: readonly Server[],
  effort: Effort,
  tell: (what: string) => void,
): Promise<Runs> {
  const runs = new Map<ServerName, Run[]>(servers.map(({ name }) => [name, []]))
  for (const server of servers) {
    tell(`${measured.name}: ${server.name}, filling`)
    await fill(server.uri, effort.sizeBytes, measured.fillBytes)
    await runFor(server.uri, effort.sizeBytes, measured.job, 1)
  }
  const seconds = measured.long ? effort.longSeconds : effort.shortSeconds
  for (let round = 0; round < effort.rounds; round++) {
    for (const server of rotated(servers, round)) {
      tell(`${measured.name}: ${server.name}, run ${round + 1} of ${effort.rounds}`)
      if (measured.refill) await fill(server.uri, effort.sizeBytes, measured.fillBytes)
      runs.get(server.name)?.push(await measure(server, measured, effort.sizeBytes, seconds))
    }
  }
  return runs
}

/** Nobody is always the one who runs after the same other. */
function rotated<T>(items: readonly T[], by: number): T[] {
  return items.map((_, index) => items[(index + by) % items.length]!)
}

async function measure(
  server: Server,
  { job }: Case,
  sizeBytes: number,
  seconds: number,
): Promise<Run> {
  await execute('sync') // or this run would pay for what another server wrote
  const before = cpuSeconds(server.pid)
  const ran: FioRun = await runFor(server.uri, sizeBytes, job, seconds)
  const cpu = cpuSeconds(server.pid) - before
  const iops = ran.requests / ran.seconds
  return {
    iops,
    mibPerSecond: (iops * job.blockBytes) / 2 ** 20,
    p50Us: ran.p50Us,
    p99Us: ran.p99Us,
    cpuUs: (cpu * 1e6) / ran.requests,
  }
}

/** Each figure's own median: no run is a "typical" one. */
export function medianRun(runs: readonly Run[]): Run {
  const of = (pick: (run: Run) => number) => median(runs.map(pick))
  return {
    iops: of((run) => run.iops),
    mibPerSecond: of((run) => run.mibPerSecond),
    p50Us: of((run) => run.p50Us),
    p99Us: of((run) => run.p99Us),
    cpuUs: of((run) => run.cpuUs),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
