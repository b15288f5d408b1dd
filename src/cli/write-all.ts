// Writing to a descriptor until all is written. Not through process.stdout: what goes to a file is written
// there by one call, and what did not fit is lost without a word.

import { write } from 'node:fs'
import { promisify } from 'node:util'

import type { Clock } from '../base/clock.js'
import { systemCode } from '../base/error.js'

const writeOnce = promisify(write)
const fullPipeMs = 5

/** Throws what the system says. Off the main thread: who reads may be slow, and Ctrl-C is heard meanwhile. */
export async function writeAll(descriptor: number, text: string, clock: Clock): Promise<void> {
  let left = Buffer.from(text)
  while (left.length > 0) {
    try {
      const { bytesWritten } = await writeOnce(descriptor, left)
      left = left.subarray(bytesWritten)
    } catch (thrown) {
      // A full pipe that does not block; whoever else has it may have asked for that.
      if (systemCode(thrown) !== 'EAGAIN') throw thrown
      await clock.sleep(fullPipeMs)
    }
  }
}
