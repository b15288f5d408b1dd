// `npm run bench`: set-up with the peers we measure against, then the bench with the same arguments:
// NBD by default, `npm run bench backup` for snapshots beside backup programs.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { main, root, setup } from './setup.mjs'

main(import.meta.url, async (args) => {
  const backup = args[0] === 'backup'
  await setup({ tests: true, backup })
  const program = join(root, 'build', 'bench', ...(backup ? ['backup', 'main.js'] : ['main.js']))
  process.argv = [process.execPath, program, ...args.slice(backup ? 1 : 0)]
  await import(pathToFileURL(program).href)
})
