// Folders for data and sockets, which only their owner may enter.

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

import { AshlarError, asAshlarError, systemCode } from '../base/error.js'

/** Makes what is missing of the path. Throws DEVICE_FAILED naming it. */
export function makeFolder(path: string): void {
  try {
    make(path)
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    const what = systemCode(thrown) === 'EROFS' ? 'it is on a read-only file system' : message
    throw new AshlarError('DEVICE_FAILED', `cannot make the folder ${path}: ${what}`, {
      cause: thrown,
    })
  }
}

// Not mkdir's own `recursive`: it says of a read-only file system that there is no such file.
function make(path: string): void {
  const above = dirname(path)
  if (!existsSync(above)) make(above)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (thrown) {
    if (!isFolder(path)) throw thrown
  }
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
