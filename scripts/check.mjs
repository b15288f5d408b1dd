// `npm run check`: everything that can be said without running the code. `npm run format` (--fix)
// rewrites what has a formatter. Needs the npm packages only.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  checkNode,
  cores,
  exclusively,
  filesBelow,
  installPackages,
  main,
  packageFile,
  root,
} from './setup.mjs'

const node = process.execPath
const clangFormat = packageFile(`clang-format/bin/${process.platform}_${process.arch}/clang-format`)
const cxxFiles = () =>
  filesBelow(['native', 'test/native'])
    .map(({ path }) => path)
    .filter((path) => /\.(cc|h)$/.test(path))
const has = (...paths) => filesBelow(paths).length > 0

function checks() {
  const steps = [
    { name: 'types', command: [node, packageFile('typescript/lib/tsc.js'), '-p', 'tsconfig.json'] },
    {
      name: 'lint',
      command: [
        ...[node, packageFile('oxlint/bin/oxlint'), '--type-aware', '--deny-warnings'],
        ...['src', 'test', 'bench'].filter((folder) => existsSync(join(root, folder))),
      ],
    },
    { name: 'format', command: [node, packageFile('@biomejs/biome/bin/biome'), 'format'] },
    { name: 'generated errors', command: [node, 'scripts/gen-errors.mjs', '--check'] },
    { name: 'failpoints', command: [node, 'scripts/failpoints.mjs', '--check'] },
    { name: 'generated protos', command: [node, 'scripts/gen-proto.mjs', '--check'] },
  ]
  if (has('proto')) {
    steps.push({ name: 'buf lint', command: [node, packageFile('@bufbuild/buf/bin/buf'), 'lint'] })
  }
  const cxx = cxxFiles()
  if (cxx.length > 0) {
    steps.push({ name: 'clang-format', command: [clangFormat, '--dry-run', '-Werror', ...cxx] })
  }
  return steps
}

function fixes() {
  const cxx = cxxFiles()
  return [
    { name: 'generated errors', command: [node, 'scripts/gen-errors.mjs'] },
    { name: 'failpoints', command: [node, 'scripts/failpoints.mjs'] },
    { name: 'generated protos', command: [node, 'scripts/gen-proto.mjs'] },
    {
      name: 'format',
      command: [node, packageFile('@biomejs/biome/bin/biome'), 'format', '--write'],
    },
    ...(cxx.length > 0 ? [{ name: 'clang-format', command: [clangFormat, '-i', ...cxx] }] : []),
  ]
}

function runStep({ name, command: [program, ...args] }) {
  return new Promise((done) => {
    const started = Date.now()
    const output = []
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (chunk) => output.push(chunk))
    child.on('error', (error) => done({ name, ok: false, text: error.message }))
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
      done({ name, ok: code === 0, text: Buffer.concat(output).toString() })
    })
  })
}

main(import.meta.url, async (args) => {
  checkNode()
  await exclusively(installPackages)
  const queue = args.includes('--fix') ? fixes() : checks()
  const finished = []
  const worker = async () => {
    for (let step = queue.shift(); step; step = queue.shift()) finished.push(await runStep(step))
  }
  await Promise.all(Array.from({ length: Math.max(2, cores) }, worker))
  const failed = finished.filter(({ ok }) => !ok)
  for (const { name, text } of failed) console.log(`\n---- ${name}\n${text.trimEnd()}`)
  console.log(`${finished.length - failed.length} passed, ${failed.length} failed`)
  process.exit(failed.length > 0 ? 1 : 0)
})
