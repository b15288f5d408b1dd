// `npm start`: set-up, then the daemon with the same arguments, in this very process: signals, exit
// code and terminal are the daemon's own, and no second Node sits in memory.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { main, root, setup } from './setup.mjs'

main(import.meta.url, async (args) => {
  await setup()
  const program = join(root, 'build', 'bin', 'ashlard.js')
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
})
