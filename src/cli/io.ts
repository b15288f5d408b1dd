// What the process offers a command: streams, terminal, environment, time, Ctrl-C. Tests hand in
// their own.

import { hostname, userInfo } from 'node:os'
import { createInterface } from 'node:readline/promises'

import { type Clock, systemClock } from '../base/clock.js'

export interface Io {
  /** Data, and nothing else. */
  readonly stdout: (text: string) => void
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
    stdout: (text) => void process.stdout.write(text),
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
