// Loaded before the program of a daemon (node --import): src/base/failpoint.ts calls it at every
// failpoint, and it ends the process by SIGKILL where the file says that is named in
// ASHLAR_FAILPOINTS: {"name", "passage"}, the passage counted from when the file appeared.

import { readFileSync, statSync } from 'node:fs'
import process from 'node:process'

const file = process.env['ASHLAR_FAILPOINTS']
let armed = { mtimeMs: 0, name: '', left: 0 }

/** Read anew only when the file is another. */
function look() {
  const stat = statSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (stat.mtimeMs !== armed.mtimeMs) {
    const { name, passage } = JSON.parse(readFileSync(file, 'utf8'))
    armed = { mtimeMs: stat.mtimeMs, name, left: passage }
  }
  return armed
}

globalThis.ashlarFailpoint = (name) => {
  const order = look()
  if (order?.name === name && --order.left === 0) process.kill(process.pid, 'SIGKILL')
}
