#!/usr/bin/env node
// The entry of the `ashlar` command.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { exitCodes } from './exit-code.js'
import { processIo } from './io.js'
import { run } from './program.js'

// A second Ctrl-C finds no handler any more and ends the process at once.
const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))

// As for stdout (io.ts); what goes wrong with stderr itself cannot be said anywhere.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.brokenPipe : exitCodes.unexpected)
})

function version(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const found: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      if (typeof found === 'object' && found !== null && 'version' in found)
        return String(found.version)
    } catch {
      // Not here.
    }
    if (folder === dirname(folder)) return 'unknown'
  }
}

const code = await run(process.argv.slice(2), processIo(interrupt.signal), version())

// Work that could not be cancelled must not keep the process alive; what was written must get out.
await new Promise((flushed) => process.stderr.write('', flushed))
process.exit(code)
