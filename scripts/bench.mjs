// `npm run bench`: set-up with the peers we measure against, then bench/main with the same arguments.

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { main, root, setup } from './setup.mjs'

main(import.meta.url, async (args) => {
  await setup({ tests: true })
  const program = join(root, 'build', 'bench', 'main.js')
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
})
