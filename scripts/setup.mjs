// Makes a fresh checkout runnable: npm packages, distribution packages, better-sqlite3, the addon,
// TypeScript. Uses nothing but Node itself, because it runs before anything is installed.
// Every step remembers a fingerprint of its inputs under build/stamps, so that a run with nothing
// to do only looks at modification times.
//
//   node scripts/setup.mjs           what `npm start` needs
//   node scripts/setup.mjs --tests   also the programs that the tests drive

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
export const cores = availableParallelism()
const stamps = join(root, 'build', 'stamps')

/** A failure that the reader can mend; printed without a stack. */
export class SetupError extends Error {}

// ---- helpers that the other scripts share

export function say(text) {
  process.stderr.write(`ashlar: ${text}\n`)
}

/** Runs a command; throws when it fails. A quiet one shows its output only then. */
export async function run(command, args, options = {}) {
  const { what = command, quiet = false, ...rest } = options
  // Progress goes to stderr: the stdout of `npm start` belongs to the daemon.
  const stdio = quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 2, 2]
  const child = spawn(command, args, { cwd: root, stdio, ...rest })
  // A group of its own does not hear of Ctrl-C.
  const end = () => process.kill(-child.pid, 'SIGTERM')
  if (rest.detached) process.once('exit', end)
  const output = []
  if (quiet)
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (part) => output.push(part))
  const [code, signal] = await new Promise((done, fail) => {
    child.on('error', (error) => fail(new SetupError(`${what}: ${error.message}`)))
    child.on('close', (code, signal) => done([code, signal]))
  })
  process.removeListener('exit', end)
  if (code === 0) return
  process.stderr.write(Buffer.concat(output))
  throw new SetupError(`${what} failed (${signal ?? `exit code ${code}`})`)
}

/** Runs the main function of a script: one line instead of a stack for failures one can mend. */
export function main(url, body) {
  if (process.argv[1] === undefined || fs.realpathSync(process.argv[1]) !== fileURLToPath(url))
    return
  body(process.argv.slice(2)).catch((error) => {
    say(error instanceof SetupError ? error.message : error.stack)
    process.exit(1)
  })
}

/** The path of a package's command; run it with process.execPath unless it is native. */
export const packageFile = (path) => join(root, 'node_modules', path)

/** All files below the paths (files or folders, absent ones are fine), sorted. */
export function filesBelow(paths) {
  const found = []
  const visit = (path) => {
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile()) found.push({ path, stat })
    if (stat?.isDirectory()) for (const name of fs.readdirSync(path).sort()) visit(join(path, name))
  }
  for (const path of paths) visit(resolve(root, path))
  return found
}

/** Changes whenever a file below the paths appears, goes, or is written. */
function fingerprint(paths, extra = '') {
  const hash = createHash('sha256').update(extra)
  for (const { path, stat } of filesBelow(paths))
    hash.update(`${path}\0${stat.mtimeMs}\0${stat.size}\0`)
  return hash.digest('hex')
}

/** Runs `build` unless `outputs` exist and the inputs are those of the last success. */
async function unlessCurrent({ name, inputs, extra, outputs }, build) {
  const stamp = join(stamps, name)
  const now = fingerprint(inputs, extra) // taken first: an edit during the build counts as new
  const before = fs.existsSync(stamp) ? fs.readFileSync(stamp, 'utf8') : ''
  if (before === now && outputs.every((path) => fs.existsSync(resolve(root, path)))) return
  await build()
  fs.mkdirSync(stamps, { recursive: true })
  fs.writeFileSync(stamp, now)
}

/**
 * Runs `body` while no other set-up of this checkout runs (or of that part of it). The lock is a
 * socket name in Linux's abstract namespace: the kernel frees it with the process, so it is never
 * stale.
 */
export async function exclusively(body, part = '') {
  const id = createHash('sha256').update(fs.realpathSync(root)).digest('hex').slice(0, 16)
  const listen = () =>
    new Promise((done, fail) => {
      const server = net.createServer()
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? done(undefined) : fail(error)))
      server.listen(`\0ashlar-setup-${id}${part}`, () => done(server))
    })
  let server = await listen()
  if (!server) say('waiting for another set-up of this checkout')
  while (!server) {
    await sleep(200)
    server = await listen()
  }
  try {
    return await body()
  } finally {
    await new Promise((done) => server.close(done))
  }
}

// ---- steps

/** npm's own JavaScript: as npm told us, else beside the running node or on PATH. */
function npmCli() {
  if (/npm-cli\.js$/.test(process.env.npm_execpath ?? '')) return process.env.npm_execpath
  const npm = findCommand('npm', [dirname(process.execPath)])
  if (!npm) throw new SetupError('npm is missing; it comes with Node')
  return fs.realpathSync(npm)
}

function findCommand(name, first = []) {
  const folders = [...first, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => fs.existsSync(path))
}

/** Packages exactly as locked, install scripts off. */
export async function installPackages() {
  const lock = fs.readFileSync(join(root, 'package-lock.json'))
  const wanted = createHash('sha256').update(lock).digest('hex')
  const stamp = packageFile('.ashlar-lock')
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return
  refuseLink(join(root, 'node_modules'))
  say('installing npm packages')
  // Dev packages too, whatever NODE_ENV says: the compilers are among them.
  const args = [npmCli(), 'ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund']
  await run(process.execPath, args, { what: 'npm ci' })
  fs.writeFileSync(stamp, wanted)
}

/** `npm ci` empties node_modules, and behind a symbolic link that is another checkout's. */
export function refuseLink(path) {
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (!found?.isSymbolicLink()) return
  throw new SetupError(
    `${path} is a symbolic link to ${fs.readlinkSync(path)}, and not what package-lock.json names: ` +
      'npm ci would empty it for whoever else uses it. Remove the link; this checkout gets its own.',
  )
}

// Debian's package -> what shows that it is there. Looking for files is quicker than asking dpkg, and
// does not mind where they came from.
const buildNeeds = {
  'g++': 'g++',
  make: 'make',
  python3: 'python3',
  'pkg-config': 'pkg-config',
  cmake: 'cmake',
  'ninja-build': 'ninja',
  'liblz4-dev': '/usr/include/lz4.h',
  'liburing-dev': '/usr/include/liburing.h',
  'librocksdb-dev': '/usr/include/rocksdb/db.h',
  'libgtest-dev': '/usr/include/gtest/gtest.h',
}
const testNeeds = {
  nbdkit: 'nbdkit',
  'qemu-utils': 'qemu-img',
  'libnbd-bin': 'nbdinfo',
  fio: 'fio',
  fuse3: 'fusermount3',
  e2fsprogs: 'mkfs.ext4',
  postgresql: '/usr/lib/postgresql',
}

// The backup programs that `npm run bench backup` measures beside a snapshot.
const backupNeeds = {
  restic: 'restic',
  borgbackup: 'borg',
  casync: 'casync',
  'btrfs-progs': 'mkfs.btrfs',
}

const isMissing = (sign) => (sign.startsWith('/') ? !fs.existsSync(sign) : !findCommand(sign))

async function installTools({ tests, backup }) {
  const needs = { ...buildNeeds, ...(tests ? testNeeds : {}), ...(backup ? backupNeeds : {}) }
  const missing = Object.keys(needs).filter((name) => isMissing(needs[name]))
  // Newer distributions ship nbdfuse apart from the other libnbd tools.
  if (tests && missing.length === 0 && isMissing('nbdfuse')) {
    const known = spawnSync('apt-cache', ['show', 'nbdfuse'], { stdio: 'ignore' }).status === 0
    if (known) missing.push('nbdfuse')
  }
  if (missing.length === 0) return

  const command = `apt-get update && apt-get install -y --no-install-recommends ${missing.join(' ')}`
  if (!findCommand('apt-get')) {
    throw new SetupError(`these are missing (Debian's names): ${missing.join(' ')}`)
  }
  const isRoot = process.getuid() === 0
  if (!isRoot && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status !== 0) {
    throw new SetupError(
      `packages are missing; run this, then try again:\n  sudo sh -c '${command}'`,
    )
  }
  say(`installing ${missing.join(' ')}`)
  const shell = ['sh', '-c', `DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; ${command}`]
  const [program, ...args] = isRoot ? shell : ['sudo', '-n', ...shell]
  await run(program, args, { what: command })
  const still = Object.keys(needs).filter((name) => isMissing(needs[name]))
  if (still.length > 0) throw new SetupError(`still missing after the install: ${still.join(' ')}`)
}

/** better-sqlite3 is compiled here, because its install script would ask the network first. */
async function buildSqlite() {
  const folder = packageFile('better-sqlite3')
  const { version } = JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8'))
  const key = [version, process.versions.modules, process.platform, process.arch].join('-')
  const built = join(folder, 'build', 'Release', 'better_sqlite3.node')
  const stamp = packageFile('better-sqlite3/.ashlar-built')
  if (fs.existsSync(built) && fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === key) return

  // Kept outside node_modules, so that `npm ci` does not cost a minute of compiling each time.
  const kept = join(root, 'build', 'cache', `better_sqlite3-${key}.node`)
  if (!fs.existsSync(kept)) {
    const prefix = dirname(dirname(fs.realpathSync(process.execPath)))
    const header = join(prefix, 'include', 'node', 'node.h')
    if (!fs.existsSync(header)) {
      throw new SetupError(
        `${header} is missing: this Node came without its headers. Install Node from nodejs.org or ` +
          "NodeSource, which ship them, or the headers of your distribution's Node (Debian: libnode-dev).",
      )
    }
    say('compiling better-sqlite3 (once, about a minute)')
    const nodeGyp = createRequire(npmCli()).resolve('node-gyp/bin/node-gyp.js')
    await run(process.execPath, [nodeGyp, 'rebuild', '--release', '--loglevel=error'], {
      what: 'compiling better-sqlite3',
      cwd: folder,
      quiet: true, // it warns a lot
      env: { ...process.env, npm_config_nodedir: prefix, JOBS: String(cores) },
    })
    fs.mkdirSync(dirname(kept), { recursive: true })
    fs.copyFileSync(built, `${kept}.new`)
    fs.renameSync(`${kept}.new`, kept)
  }
  fs.rmSync(join(folder, 'build'), { recursive: true, force: true }) // 10 MB of objects
  fs.mkdirSync(dirname(built), { recursive: true })
  fs.copyFileSync(kept, built)
  fs.writeFileSync(stamp, key)
}

const cmakeInputs = ['native', 'CMakeLists.txt', 'CMakePresets.json', 'node_modules/.ashlar-lock']

/** Configures when needed and builds one CMake preset. */
export async function buildNative(preset, niceness = 0) {
  const tests = preset !== 'release'
  await unlessCurrent(
    {
      name: `native-${preset}`,
      inputs: tests ? [...cmakeInputs, 'test/native'] : cmakeInputs,
      outputs: [tests ? `build/${preset}/ashlar_tests` : 'build/ashlar.node'],
    },
    async () => {
      say(`building ${tests ? `ashlar_tests (${preset})` : 'the addon'}`)
      const env = { ...process.env, NINJA_STATUS: `[${preset} %f/%t] ` }
      const folder = join(root, 'build', preset)
      // A checkout that was copied or moved would be built in the folder that it came from.
      if (!isConfiguredHere(folder)) fs.rmSync(folder, { recursive: true, force: true })
      if (!fs.existsSync(join(folder, 'build.ninja'))) {
        await run('cmake', ['--preset', preset], {
          env,
          quiet: true,
          what: `cmake --preset ${preset}`,
        })
      }
      const build = ['--build', folder, '--parallel', String(cores)]
      const [command, args] = niceness > 0 ? besideOthers(build, niceness) : ['cmake', build]
      const detached = niceness > 0
      await run(command, args, { env, what: `the ${preset} build`, detached })
    },
  )
}

/**
 * CMake that takes what others leave. Between sessions the kernel shares by groups, in which the
 * niceness of a process counts for nothing; so its own session gets it, where there are such groups.
 */
function besideOthers(args, niceness) {
  const script =
    '{ echo "$1" >/proc/self/autogroup; } 2>/dev/null; n=$1; shift; exec nice -n "$n" cmake "$@"'
  return ['sh', ['-c', script, 'sh', String(niceness), ...args]]
}

/** Whether a CMake folder is of this checkout. */
export function isConfiguredHere(folder, checkout = root) {
  const cache = join(folder, 'CMakeCache.txt')
  if (!fs.existsSync(cache)) return false
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(fs.readFileSync(cache, 'utf8'))?.[1]
  return fs.existsSync(home) && fs.realpathSync(home) === fs.realpathSync(checkout)
}

/** src -> build/ts, the programs of it -> build/bin, bench -> build/bench, and both for npx. */
async function buildTypeScript() {
  const hasBench = filesBelow(['bench']).some(({ path }) => path.endsWith('.ts'))
  await unlessCurrent(
    {
      name: 'typescript',
      inputs: [
        ...['src', 'bench', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.bench.json'],
        ...['rolldown.config.mjs', 'node_modules/.ashlar-lock'],
      ],
      outputs: ['build/ts', 'build/src', 'build/bin'],
    },
    async () => {
      const projects = ['tsconfig.build.json', ...(hasBench ? ['tsconfig.bench.json'] : [])]
      const args = [packageFile('typescript/lib/tsc.js'), '-b', ...projects]
      await run(process.execPath, args, { what: 'the TypeScript build' })
      link('ts', join(root, 'build', 'src')) // so that build/bench finds ../src
      const bundle = [packageFile('rolldown/bin/cli.mjs'), '-c', 'rolldown.config.mjs']
      await run(process.execPath, bundle, { what: 'bundling', quiet: true })
      for (const program of ['ashlar', 'ashlard']) {
        link(`../../build/bin/${program}.js`, packageFile(`.bin/${program}`))
        fs.chmodSync(join(root, 'build', 'bin', `${program}.js`), 0o755)
      }
    },
  )
}

function link(target, path) {
  fs.rmSync(path, { force: true })
  fs.symlinkSync(target, path)
}

export async function setup({ tests = false, backup = false } = {}) {
  checkNode()
  await exclusively(async () => {
    await installPackages()
    await installTools({ tests, backup })
    await buildSqlite()
    await buildNative('release')
    await buildTypeScript()
  })
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const fits = major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)
  if (!fits)
    throw new SetupError(`Node 20.19+, 22.12+ or 24+ is needed, this is ${process.version}`)
}

main(import.meta.url, (args) => setup({ tests: args.includes('--tests') }))
