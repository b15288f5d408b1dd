// A command of `ashlar` that asks a region, run in this process as the program runs it: a process of its
// own is half a second of CPU for a call of some milliseconds. Tests of the program itself start it.

import { processIo } from '../../src/cli/io.js'
import { run } from '../../src/cli/program.js'
import type { Ran } from './tools.js'

/** What works on files, or starts a program of ours beside itself, is worth a process. */
const offline = /^(pool-|store-(check|rebuild)|verify$)/

export function asksRegion([name = '']: readonly string[]): boolean {
  return !offline.test(name)
}

export async function runHere(
  args: readonly string[],
  endpoint: string,
  timeoutMs: number,
): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const io = {
    ...processIo(AbortSignal.timeout(timeoutMs)),
    stdout: async (text: string) => void (said.stdout += text),
    stderr: (text: string) => void (said.stderr += text),
    stderrTerminal: false,
    canAsk: false,
    env: { ASHLAR_ENDPOINT: endpoint },
  }
  return { code: await run(args, io, 'of tests'), ...said }
}
