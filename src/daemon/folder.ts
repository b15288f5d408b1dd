// Folders for data and sockets, which only their owner may enter.

import { mkdirSync } from 'node:fs'

import { AshlarError, asAshlarError } from '../base/error.js'

/** Makes what is missing of the path. Throws DEVICE_FAILED naming it. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    throw new AshlarError('DEVICE_FAILED', `cannot make the folder ${path}: ${message}`, {
      cause: thrown,
    })
  }
}
