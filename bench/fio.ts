// One run of fio's NBD engine against one server.

import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { promisify } from 'node:util'

const execute = promisify(execFile)

export interface Job {
  readonly rw: 'read' | 'write' | 'randread' | 'randwrite'
  readonly blockBytes: number
  readonly depth: number
  /** A flush after every write. */
  readonly flushEach?: boolean
}

export interface FioRun {
  readonly requests: number
  /** From the first request until the last answer, that of the closing flush of writes included. */
  readonly seconds: number
  readonly p50Us: number
  readonly p99Us: number
}

interface FioSide {
  readonly total_ios: number
  readonly runtime: number
  readonly clat_ns: { readonly percentile?: Readonly<Record<string, number>> }
}
interface FioReport {
  readonly jobs: readonly {
    readonly error: number
    readonly job_runtime: number
    readonly read: FioSide
    readonly write: FioSide
  }[]
}

/** Random requests for so long. */
export async function runFor(
  uri: string,
  sizeBytes: number,
  job: Job,
  seconds: number,
): Promise<FioRun> {
  return await fio(uri, sizeBytes, job, [
    '--time_based',
    `--runtime=${seconds}`,
    '--norandommap', // its bitmap costs the client more than it tells
    '--randrepeat=0',
  ])
}

/** Every block of the volume once, in order, then a flush. */
export async function fill(uri: string, sizeBytes: number, blockBytes: number): Promise<void> {
  const depth = blockBytes > 65536 ? 8 : 32
  await fio(uri, sizeBytes, { rw: 'write', blockBytes, depth }, [])
}

/** Writes blocks that name themselves in random order, reads all back; throws on a wrong one. */
export async function verify(uri: string, sizeBytes: number): Promise<void> {
  await fio(uri, sizeBytes, { rw: 'randwrite', blockBytes: 4096, depth: 32 }, [
    '--verify=crc32c',
    '--do_verify=1',
    '--verify_fatal=1',
    '--verify_state_save=0',
  ])
}

async function fio(
  uri: string,
  sizeBytes: number,
  job: Job,
  more: readonly string[],
): Promise<FioRun> {
  const args = [
    '--name=bench',
    '--ioengine=nbd',
    '--thread=1',
    `--uri=${uri}`,
    `--rw=${job.rw}`,
    `--bs=${job.blockBytes}`,
    `--iodepth=${job.depth}`,
    `--size=${sizeBytes}`,
    '--output-format=json',
    ...(job.flushEach === true ? ['--fsync=1'] : []),
    ...(job.rw.endsWith('write') ? ['--end_fsync=1'] : []),
    ...more,
  ]
  const { stdout } = await execute('fio', args, { cwd: tmpdir(), maxBuffer: 64 << 20 })
  // fio may print notes before its report.
  const report = JSON.parse(stdout.slice(stdout.indexOf('{\n'))) as FioReport
  const ran = report.jobs[0]
  if (ran === undefined || ran.error !== 0) throw new Error(`fio against ${uri} failed: ${stdout}`)
  const side = job.rw.endsWith('write') ? ran.write : ran.read
  const percentile = side.clat_ns.percentile ?? {}
  const us = (key: string) => (percentile[key] ?? Number.NaN) / 1000
  return {
    requests: side.total_ios,
    seconds: Math.max(side.runtime, ran.job_runtime) / 1000,
    p50Us: us('50.000000'),
    p99Us: us('99.000000'),
  }
}
