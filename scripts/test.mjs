// `npm test`: everything. vitest; whole daemons and real clients; then the C++ program (build/check),
// sharded. Ends with one line that adds up all suites; a skipped test is never a passed one.
//
//   npm test                             all
//   npm test -- --asan                   also the C++ program under the sanitizers
//   npm test -- --tsan                   also its tests with threads under the thread sanitizer (those
//                                        that the preset names: CMakePresets.json, ASHLAR_TEST_FILES)
//   npm test -- native --filter Pool     C++ tests whose name contains Pool (or any gtest pattern)
//   npm test -- unit catalog             vitest files whose path contains catalog
//   npm test -- e2e restart              the same for test/e2e and test/interop
//   npm run soak                         the long form of native and e2e
//
// ASHLAR_TEST_SCALE is a factor on the number of random operations in model, crash and fuzz tests: 0.5
// by default, 1 beside the sanitizers (as in CI), 0.1 under them, 10 in the soak. ASHLAR_SOAK=1 asks
// e2e tests for their long form.

import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { constants } from 'node:os'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import {
  SetupError,
  buildNative,
  cores,
  exclusively,
  filesBelow,
  main,
  packageFile,
  root,
  say,
  setup,
} from './setup.mjs'

const results = join(root, 'build', 'test-results')

// A hung suite must fail before CI's own limit hides which one it was.
const suiteTimeoutMinutes = { normal: 55, soak: 24 * 60 }

// ---- native

/** Runs ashlar_tests in more shards than cores, so that one long test does not leave a core idle. */
async function native(preset, options) {
  if (filesBelow(['test/native']).every(({ path }) => !path.endsWith('.cc'))) {
    return { name: `native (${preset})`, passed: 0, failed: [], skipped: [] }
  }
  await exclusively(() => buildNative(preset), preset)
  const shards = options.filter ? cores : cores * 4
  say(`native tests (${preset}), ${shards} shards on ${cores} cores`)
  const queue = Array.from({ length: shards }, (_, index) => index)
  const total = { name: `native (${preset})`, passed: 0, failed: [], skipped: [] }
  const worker = async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const shard = await nativeShard(preset, index, shards, options)
      total.passed += shard.passed
      total.failed.push(...shard.failed)
      total.skipped.push(...shard.skipped)
    }
  }
  await Promise.all(Array.from({ length: cores }, worker))
  return total
}

async function nativeShard(preset, index, shards, options) {
  const base = join(results, `native-${preset}-${index}`)
  const report = `${base}.json`
  fs.rmSync(report, { force: true })
  const pattern =
    options.filter && (/[*?:]/.test(options.filter) ? options.filter : `*${options.filter}*`)
  const args = [`--gtest_output=json:${report}`, '--gtest_color=no']
  if (pattern) args.push(`--gtest_filter=${pattern}`)
  const sanitized = preset !== 'check'
  const beside = options.asan || options.tsan
  const scale = options.soak ? '10' : sanitized ? '0.1' : beside ? '1' : '0.5'
  const env = {
    ...process.env,
    ASHLAR_TEST_SCALE: process.env.ASHLAR_TEST_SCALE ?? scale,
    GTEST_TOTAL_SHARDS: String(shards),
    GTEST_SHARD_INDEX: String(index),
    // The distribution's RocksDB is not instrumented, so container annotations would disagree.
    ASAN_OPTIONS: 'detect_container_overflow=0:detect_stack_use_after_return=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
    TSAN_OPTIONS: `suppressions=${join(root, 'test/native/tsan.supp')}:second_deadlock_stack=1`,
  }
  const program = join(root, 'build', preset, 'ashlar_tests')
  const stream = options.filter !== undefined // a focused run is being watched
  const run = { env, log: `${base}.log`, stream, soak: options.soak }
  const { ending, lines } = await capture(program, args, run)
  const shard = readGtest(report, lines, ending)
  for (const failure of shard.failed) {
    const scale = env.ASHLAR_TEST_SCALE === '1' ? '' : `ASHLAR_TEST_SCALE=${env.ASHLAR_TEST_SCALE} `
    failure.replay = `${scale}build/${preset}/ashlar_tests --gtest_filter=${failure.name}`
    failure.log = `${base}.log`
    if (!stream) process.stdout.write(`${failure.text}\n`)
  }
  return shard
}

/** Counts from the JSON report, reasons from the output; from the output alone after a crash. */
export function readGtest(report, lines, ending) {
  const outputs = outputByTest(lines)
  const shard = { passed: 0, failed: [], skipped: [] }
  const textOf = (name) => (outputs.get(name) ?? []).join('\n')
  if (fs.existsSync(report)) {
    for (const suite of JSON.parse(fs.readFileSync(report, 'utf8')).testsuites) {
      for (const test of suite.testsuite) {
        const name = `${suite.name}.${test.name}`
        if (test.failures?.length > 0) shard.failed.push({ name, text: textOf(name) })
        else if (test.result === 'SKIPPED')
          shard.skipped.push({ name, reason: reasonIn(outputs.get(name)) })
        else if (test.result === 'COMPLETED') shard.passed += 1
        // NOTRUN / SUPPRESSED: another shard's, or filtered out.
      }
    }
    // A leak or an error in a destructor comes after the report.
    if (ending !== 0 && shard.failed.length === 0) {
      shard.failed.push({ name: '*', text: `ended with ${ending} after its tests\n${tail(lines)}` })
    }
    return shard
  }
  let last
  for (const [name, output] of outputs) {
    last = name
    const state = output.findLast((line) =>
      /^\[ {2}SKIPPED |^\[ {2}FAILED {2}\]|^\[ {7}OK /.test(line),
    )
    if (state?.startsWith('[       OK')) shard.passed += 1
    else if (state?.startsWith('[  SKIPPED')) shard.skipped.push({ name, reason: reasonIn(output) })
    else shard.failed.push({ name, text: `${output.join('\n')}\nended with ${ending}` })
  }
  if (shard.failed.length === 0) {
    shard.failed.push({
      name: last ?? '*',
      text: `no report, ended with ${ending}\n${tail(lines)}`,
    })
  } else {
    shard.failed.at(-1).text += '\n(the tests of this shard after this one did not run)'
  }
  return shard
}

/** A test's output is everything between its RUN line and the next one's. */
function outputByTest(lines) {
  const outputs = new Map()
  let current
  for (const line of lines) {
    const run = /^\[ RUN {6}\] (\S+)/.exec(line)
    if (run) outputs.set(run[1], (current = []))
    else if (/^\[-{10}\]/.test(line)) current = undefined
    current?.push(line)
  }
  return outputs
}

/** GTEST_SKIP() << "reason" prints `file:line: Skipped` and then the reason. */
function reasonIn(output = []) {
  const at = output.findIndex((line) => /: Skipped$/.test(line))
  const reason =
    at < 0
      ? []
      : output.slice(
          at + 1,
          output.findIndex((line) => line.startsWith('[  SKIPPED')),
        )
  return reason.filter((line) => line !== '').join(' ') || 'no reason given'
}

const tail = (lines) => lines.slice(-60).join('\n')

// ---- vitest

async function vitest(project, options) {
  const summary = join(results, `${project}-summary.json`)
  fs.rmSync(summary, { force: true })
  say(`${project} tests`)
  const args = [packageFile('vitest/vitest.mjs'), 'run', '--project', project]
  args.push(
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${join(results, `${project}.json`)}`,
  )
  args.push('--reporter=./scripts/vitest-summary.mjs')
  if (options.filter) args.push('--testNamePattern', options.filter)
  args.push(...options.paths)
  const env = {
    ...process.env,
    ASHLAR_TEST_SUMMARY: summary,
    ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }),
    ...(options.soak ? { ASHLAR_SOAK: '1' } : {}),
  }
  const log = join(results, `${project}.log`)
  const { ending, lines } = await capture(process.execPath, args, {
    env,
    log,
    stream: true,
    soak: options.soak,
  })
  const total = { name: project, passed: 0, failed: [], skipped: [] }
  if (fs.existsSync(summary)) Object.assign(total, JSON.parse(fs.readFileSync(summary, 'utf8')))
  if (ending !== 0 && total.failed.length === 0) {
    total.failed.push({ name: project, text: `vitest ended with ${ending}\n${tail(lines)}` })
  }
  if (options.filter) total.skipped = [] // all that the pattern left out
  for (const failure of total.failed) {
    const [file] = failure.name.split(' > ')
    if (file?.endsWith('.ts')) failure.replay = `npm test -- ${project} ${file}`
    failure.log = log
  }
  return total
}

const hasTests = {
  unit: () => vitestFiles().some((path) => !isWhole(path)),
  e2e: () => vitestFiles().some(isWhole),
}
const isWhole = (path) => /^test\/(e2e|interop)\//.test(path)
const vitestFiles = () =>
  filesBelow(['test'])
    .map(({ path }) => relative(root, path))
    .filter((path) => path.endsWith('.test.ts'))

// ---- both

/** Runs a program into a log file (and to the terminal when asked); kills it when it hangs. */
async function capture(program, args, { env, log, stream = false, soak = false }) {
  fs.mkdirSync(results, { recursive: true })
  const out = fs.createWriteStream(log)
  const lines = []
  // A group of its own, so that a time-out also ends the daemons it started.
  const child = spawn(program, args, {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => process.kill(-child.pid, 'SIGKILL')
  const minutes = suiteTimeoutMinutes[soak ? 'soak' : 'normal']
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, minutes * 60_000)
  running.add(kill)
  for (const pipe of [child.stdout, child.stderr]) {
    createInterface({ input: pipe }).on('line', (line) => {
      lines.push(line)
      out.write(`${line}\n`)
      if (stream) process.stdout.write(`${line}\n`)
    })
  }
  const [code, signal] = await new Promise((done, fail) => {
    child.on('error', (error) => fail(new SetupError(`${program}: ${error.message}`)))
    child.on('close', (code, signal) => done([code, signal]))
  })
  clearTimeout(timer)
  running.delete(kill)
  out.end()
  return { ending: timedOut ? `no end after ${minutes} minutes` : (signal ?? code), lines }
}

const running = new Set()
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const kill of running) kill()
    process.exit(128 + constants.signals[signal])
  })
}

function parse(args) {
  const options = {
    suites: [],
    paths: [],
    filter: undefined,
    asan: false,
    tsan: false,
    soak: false,
  }
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]
    if (arg === '--asan') options.asan = true
    else if (arg === '--tsan') options.tsan = true
    else if (arg === '--soak') options.soak = true
    else if (arg === '--filter' && args[at + 1] !== undefined) options.filter = args[++at]
    else if (arg.startsWith('-'))
      throw new SetupError(`unknown option ${arg}; scripts/test.mjs lists them`)
    else if (['native', 'unit', 'e2e'].includes(arg)) options.suites.push(arg)
    else options.paths.push(arg)
  }
  if (options.suites.length === 0) {
    options.suites = options.soak ? ['native', 'e2e'] : ['native', 'unit', 'e2e']
  }
  if (options.suites.length > 1 && (options.filter || options.paths.length > 0)) {
    throw new SetupError('name the suite first: npm test -- native|unit|e2e [--filter NAME] [PATH]')
  }
  return options
}

/**
 * Builds the C++ programs beside suites that leave a core idle for half of their time. What cannot be
 * built fails later, in the step that needs it.
 */
async function buildBeside(presets) {
  for (const preset of presets) {
    await exclusively(() => buildNative(preset, 19), preset).catch(() => undefined)
  }
}

/** The lines a reader needs to see the failure again. */
function printFailure(suite, { name, text, replay, log }) {
  console.log(`\nFAILED ${suite}: ${name}`)
  for (const line of (text ?? '').split('\n'))
    if (/\b(seed|replay)\b/i.test(line)) console.log(`  ${line.trim()}`)
  if (replay) console.log(`  again: ${replay}`)
  if (log) console.log(`  log:   ${relative(root, log)}`)
}

main(import.meta.url, async (args) => {
  const options = parse(args)
  await setup({ tests: true })
  const totals = []
  const step = async (name, body) => {
    const started = Date.now()
    try {
      totals.push(await body())
    } catch (error) {
      // A build that fails is a failed suite; the others still have something to tell.
      if (!(error instanceof SetupError)) throw error
      totals.push({ name, passed: 0, failed: [{ name, text: error.message }], skipped: [] })
      say(error.message)
    }
    totals.at(-1).seconds = (Date.now() - started) / 1000
  }
  const withNative = options.suites.includes('native')
  const presets = ['check', 'asan', 'tsan'].filter(
    (preset) => withNative && (preset === 'check' || options[preset]),
  )
  const built = buildBeside(options.suites.length > 1 ? presets : [])
  for (const project of ['unit', 'e2e']) {
    if (options.suites.includes(project) && hasTests[project]()) {
      await step(project, () => vitest(project, options))
    }
  }
  await built
  for (const preset of presets) await step(`native (${preset})`, () => native(preset, options))

  const all = (key) => totals.flatMap((total) => total[key].map((entry) => [total.name, entry]))
  for (const [suite, failure] of all('failed')) printFailure(suite, failure)
  for (const [suite, { name, reason }] of all('skipped'))
    console.log(`skipped ${suite}: ${name}: ${reason}`)
  console.log('')
  for (const { name, passed, failed, skipped, seconds } of totals) {
    const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`
    console.log(`${name.padEnd(16)} ${counts} in ${seconds.toFixed(0)} s`)
  }
  const passed = totals.reduce((sum, total) => sum + total.passed, 0)
  const failed = all('failed').length
  if (passed + failed === 0) say('no test ran')
  console.log(`${all('skipped').length} skipped`)
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed > 0 || passed === 0 ? 1 : 0)
})
