// `npm run demo`: the whole story on a real file-system image, in daemons and a folder of its own. It
// ends with 0 only when everything it says was checked here and held; whatever happens, nothing stays.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Page } from './demo/page.mjs'
import { tell } from './demo/story.mjs'
import { World } from './demo/world.mjs'
import { main, root, setup } from './setup.mjs'

main(import.meta.url, async () => {
  await setup({ tests: true })
  const built = (path) => import(pathToFileURL(join(root, 'build', 'ts', path)).href)
  const [{ Client }, wait, { systemClock }] = await Promise.all(
    ['client/client.js', 'client/wait.js', 'base/clock.js'].map(built),
  )
  const page = new Page(process.stdout)
  const world = new World({ page, Client })
  process.on('exit', () => {
    world.kill()
    rmSync(world.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  try {
    await tell({ world, page, wait, systemClock })
  } catch (error) {
    page.failed(error.message)
    process.stderr.write(world.complaints())
    process.exit(1)
  }
  process.exit(0)
})
