// Runs the command line in this process, against a region that answers what the test says.

import { afterEach } from 'vitest'

import type { Io } from '../../../src/cli/io.js'
import { run } from '../../../src/cli/program.js'
import { type FakeMethods, type FakeRegion, startFakeRegion } from '../fake-region.js'

const running: FakeRegion[] = []
afterEach(() => {
  for (const region of running.splice(0)) region.stop()
})

export interface Run {
  readonly exit: number
  readonly out: string
  readonly err: string
  readonly calls: FakeRegion['calls']
}

export async function ashlar(
  args: readonly string[],
  methods: FakeMethods = {},
  more: Partial<Io> = {},
): Promise<Run> {
  const region = await startFakeRegion(methods)
  running.push(region)
  let out = ''
  let err = ''
  let ms = 0
  const io: Io = {
    stdout: async (text) => void (out += text),
    stderr: (text) => (err += text),
    stderrTerminal: false,
    stderrColumns: () => 80,
    canAsk: false,
    ask: () => Promise.reject(new Error('nobody to ask')),
    env: { ASHLAR_ENDPOINT: region.endpoint },
    user: 'ann',
    host: 'web-1',
    clock: {
      nowNs: () => 0n,
      monotonicMs: () => ms,
      sleep: async (delayMs, signal) => {
        signal?.throwIfAborted()
        ms += delayMs
      },
    },
    signal: new AbortController().signal,
    ...more,
  }
  const exit = await run(args, io, '1.2.3')
  const calls = region.calls.filter(({ method }) => method !== 'ListRegions')
  return { exit, out, err, calls }
}
