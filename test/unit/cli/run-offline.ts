// An offline command as a terminal would run it, without a region.

import type { Io } from '../../../src/cli/io.js'
import { run } from '../../../src/cli/program.js'

export async function ashlar(...args: readonly string[]) {
  let out = ''
  let err = ''
  const io: Io = {
    stdout: async (text) => void (out += text),
    stderr: (text) => (err += text),
    stderrTerminal: false,
    stderrColumns: () => 80,
    canAsk: false,
    ask: () => Promise.reject(new Error('nobody to ask')),
    env: {},
    user: 'ann',
    host: 'web-1',
    clock: { nowNs: () => 0n, monotonicMs: () => 0, sleep: () => Promise.resolve() },
    signal: new AbortController().signal,
  }
  const code = await run(args, io, '1.2.3')
  return { code, out, err }
}
