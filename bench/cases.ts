// What is measured, and what must hold (DESIGN 13; the stretch goals are later work).

import type { Job } from './fio.js'
import type { ServerName } from './servers.js'

export interface Goal {
  readonly than: ServerName
  /** The median of the metric must be at least (rate) or at most (latency) so many times the other's. */
  readonly factor: number
}

export interface Case {
  readonly name: string
  readonly job: Job
  /** The volume is written in order with blocks of this size, and flushed, before ... */
  readonly fillBytes: number
  /** ... every run, or once for all of them. Random writes change what the next run would find. */
  readonly refill: boolean
  readonly metric: 'rate' | 'p50'
  readonly goal?: Goal
  /** Takes the long time: short runs of buffered writes only measure memory. */
  readonly long: boolean
}

const mib = 1 << 20
const small = 4096

export const cases: readonly Case[] = [
  {
    name: 'randread 4 KiB qd32',
    job: { rw: 'randread', blockBytes: small, depth: 32 },
    fillBytes: mib,
    refill: false,
    metric: 'rate',
    goal: { than: 'nbdkit', factor: 1 },
    long: false,
  },
  {
    name: 'randread 4 KiB qd1',
    job: { rw: 'randread', blockBytes: small, depth: 1 },
    fillBytes: mib,
    refill: false,
    metric: 'p50',
    long: false,
  },
  {
    name: 'read 1 MiB qd8',
    job: { rw: 'read', blockBytes: mib, depth: 8 },
    fillBytes: mib,
    refill: false,
    metric: 'rate',
    goal: { than: 'nbdkit', factor: 0.8 },
    long: false,
  },
  {
    name: 'write 1 MiB qd8',
    job: { rw: 'write', blockBytes: mib, depth: 8 },
    fillBytes: mib,
    refill: false,
    metric: 'rate',
    goal: { than: 'nbdkit', factor: 0.8 },
    long: true,
  },
  {
    name: 'randwrite 4 KiB qd32, filled by 1 MiB',
    job: { rw: 'randwrite', blockBytes: small, depth: 32 },
    fillBytes: mib,
    refill: true,
    metric: 'rate',
    goal: { than: 'nbdkit', factor: 1 },
    long: true,
  },
  {
    name: 'randwrite 4 KiB qd32, filled by 4 KiB',
    job: { rw: 'randwrite', blockBytes: small, depth: 32 },
    fillBytes: small,
    refill: true,
    metric: 'rate',
    long: true,
  },
  {
    name: 'randwrite 4 KiB qd32, flush each',
    job: { rw: 'randwrite', blockBytes: small, depth: 32, flushEach: true },
    fillBytes: mib,
    refill: false,
    metric: 'rate',
    long: false,
  },
  {
    name: 'randwrite 4 KiB qd1, flush each',
    job: { rw: 'randwrite', blockBytes: small, depth: 1, flushEach: true },
    fillBytes: mib,
    refill: false,
    metric: 'rate',
    long: false,
  },
]
