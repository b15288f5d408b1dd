// What the process offers a command: streams, terminal, environment, time, Ctrl-C. Tests hand in
// their own.

import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'

import { type Clock, systemClock } from '../base/clock.js'
import { AshlarError, asAshlarError, systemCode } from '../base/error.js'
import { exitCodes } from './exit-code.js'
import { writeAll } from './write-all.js'

export interface Io {
  /** Data, and nothing else. Settles when all of it is written; throws DEVICE_FAILED. */
  readonly stdout: (text: string) => Promise<void>
  /** Everything else: headings, progress, questions, errors. */
  readonly stderr: (text: string) => void
  readonly stderrTerminal: boolean
  /** Width of that terminal now; it may change. */
  readonly stderrColumns: () => number
  /** The user can be asked: stdin and stderr are terminals. */
  readonly canAsk: boolean
  readonly ask: (question: string) => Promise<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly user: string
  readonly host: string
  readonly clock: Clock
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

export function processIo(signal: AbortSignal): Io {
  return {
    stdout: writeOut,
    stderr: (text) => void process.stderr.write(text),
    stderrTerminal: process.stderr.isTTY,
    stderrColumns: () => process.stderr.columns ?? 80,
    canAsk: process.stdin.isTTY && process.stderr.isTTY,
    ask: (question) => ask(question, signal),
    env: process.env,
    user: userName(),
    host: hostname(),
    clock: systemClock,
    signal,
  }
}

async function writeOut(text: string): Promise<void> {
  try {
    await writeAll(1, text, systemClock)
  } catch (thrown) {
    // `ashlar volumes | head -1`: at once and silently, as SIGPIPE ends others.
    if (systemCode(thrown) === 'EPIPE') process.exit(exitCodes.brokenPipe)
    const message = `cannot write to stdout: ${asAshlarError(thrown).message}`
    const mend = 'look at where it goes; what the command changes may be done'
    throw new AshlarError('DEVICE_FAILED', message, { cause: thrown, metadata: { mend } })
  }
}

async function ask(question: string, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  // In raw mode the terminal hands Ctrl-C to readline; it has to reach the one handler.
  lines.on('SIGINT', () => process.emit('SIGINT'))
  try {
    return await lines.question(question, { signal })
  } finally {
    lines.close()
  }
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env['USER'] ?? 'unknown' // a container's user without an entry in passwd
  }
}
