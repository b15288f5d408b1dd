// SIGHUP means two things: an operator asks a daemon to read its certificates again, or the terminal
// that it was started from is gone, and its programs with it. The kernel knows which: a process whose
// terminal was closed has none any more.

import { closeSync, openSync } from 'node:fs'

/** Whether this process has a controlling terminal now. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
