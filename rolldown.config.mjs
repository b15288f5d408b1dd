// build/ts -> build/bin: each program in a few files with everything of npm that it needs. Of 600 small
// files, finding and linking was most of a start: a daemon's took 1.25 s of CPU, now 0.5.

import { dirname, join } from 'node:path'

const built = join(import.meta.dirname, 'build', 'ts')

/** A bundled CommonJS module looks for its own files (.proto) where it was, not where it is now. */
const folderOfEach = {
  name: 'folder-of-each',
  transform: (code, id) =>
    /\b__dirname\b/.test(code) ? `const __dirname = ${JSON.stringify(dirname(id))};${code}` : null,
}

export default {
  input: {
    ashlard: join(built, 'daemon', 'main.js'),
    ashlar: join(built, 'cli', 'main.js'),
    'rebuild-catalog': join(built, 'daemon', 'rebuild-catalog.js'),
  },
  platform: 'node',
  external: ['better-sqlite3'], // finds its addon beside itself
  plugins: [folderOfEach],
  output: { dir: join(import.meta.dirname, 'build', 'bin'), format: 'esm', cleanDir: true },
}
