// Failpoints (native/base/failpoints.def): writes the names of TypeScript's side, and holds the code
// against the list. Where something irreversible happens, one of them must stand right before it, or
// a comment that says why it is not: `// reversible: …`.
//
//   node scripts/failpoints.mjs           writes src/gen/failpoints.ts
//   node scripts/failpoints.mjs --check   fails when that is stale, when an irreversible action lacks its
//                                         failpoint, or when a failpoint is passed nowhere or in no matrix

import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

import { filesBelow, main, root } from './setup.mjs'

const table = 'native/base/failpoints.def'
const generated = 'src/gen/failpoints.ts'
/** Where each failpoint is killed at. What else they need to cover is theirs to say. */
const matrices = {
  cxx: ['test/native/support/failpoint_plan.h', 'test/native/store_failpoints_test.cc'],
  ts: ['test/e2e/failpoints.test.ts'],
}

// ---- what is irreversible

/**
 * A row is a pattern of one line of code, of one language. Its failpoint is passed `before` at most so
 * many lines above, in the same block of the function; or, of a record that is built before it is
 * appended, anywhere `after` in the same function.
 */
const irreversible = [
  { of: 'cxx', what: 'a file goes or is replaced', line: /::(unlink|rename|renameat2?)\(/ },
  { of: 'cxx', what: 'a tree of files goes', line: /\bfilesystem::remove(_all)?\(|\bDestroyDB\(/ },
  {
    of: 'cxx',
    what: 'bytes of a file go',
    line: /FALLOC_FL_|\bf?truncate\(|BLKDISCARD|BLKZEROOUT/,
  },
  { of: 'cxx', what: 'the index is written', line: /\bwrite\(batch, / },
  { of: 'cxx', what: 'a pool is overwritten', line: /\bwrite_zeros\(device, 0, / },
  { of: 'cxx', what: 'a superblock is written', line: /(?<!Result<void> )\bwrite_superblock\(/ },
  { of: 'cxx', what: 'the ring forgets', line: /^ *tail_linear_ = / },
  { of: 'cxx', what: 'blocks are freed', line: /(?<!::)\bnote_freed\(\{/ },
  { of: 'cxx', what: 'freed blocks are given out', line: /\bspace_->release\(/ },
  { of: 'cxx', what: 'blocks are given back', line: /^void Space::give_back\(/, after: true },
  {
    of: 'cxx',
    what: 'a record that takes something away',
    line: /= \{RecordType::(kErase|kVolumeDelete|kDrop|kFreeStep)\b|RecordType::\w+, (kRemove|kCloneReady)\b/,
    after: true,
  },
  { of: 'cxx', what: 'packs are given up', line: /"REMOVAL", / },
  { of: 'cxx', what: 'the store has another header', line: /TRY\(write_header\(/ },
  { of: 'ts', what: 'rows go', line: /\.deleteFrom\('/ },
  { of: 'ts', what: 'a transaction is committed', line: /\.transaction\(/, after: true },
  {
    of: 'ts',
    what: 'a file goes or is replaced',
    line: /(?<!\w)(renameSync|rmSync|unlinkSync|truncateSync|rename|unlink|rm)\(/,
  },
  { of: 'ts', what: 'the pool is ordered', line: /\bnative\.order\(/ },
  { of: 'ts', what: 'origins are released', line: /\.settle\(pool\)|\bnative\.settle\(/ },
  { of: 'ts', what: 'a node is ordered', line: /\bcontrol\.order\(/ },
  { of: 'ts', what: 'another region is told', line: /\bcontrol\.(commit|release)\(/ },
  { of: 'ts', what: 'a record is written', line: /\bnative\.storeRecord\(/ },
  { of: 'ts', what: 'a collection ends', line: /\bnative\.collectEnd\(/ },
]

const languages = {
  cxx: {
    isMine: (path) => /^native\/.*\.(cc|h)$/.test(path),
    failpoint: /\bFAILPOINT\((\w+)\)/,
    row: /^ASHLAR_CXX_FAILPOINT\((k\w+), +"[^"]+"\)$/,
  },
  ts: {
    isMine: (path) => /^src\/(?!gen\/).*\.ts$/.test(path),
    failpoint: /\bfailpoint\('(\w+)'\)/,
    row: /^ASHLAR_TS_FAILPOINT\((\w+), +"[^"]+"\)$/,
  },
}

const linesBefore = 6
const marker = /\/\/ reversible: \S/

/** What is wrong with one file; the names that it passes are added to `passed`. */
export function problemsIn({ path, text }, passed = new Set()) {
  const entry = Object.entries(languages).find(([, { isMine }]) => isMine(path))
  if (entry === undefined) return []
  const [name, language] = entry
  const lines = text.split('\n')
  for (const line of lines) {
    const found = language.failpoint.exec(withoutComment(line))
    if (found !== null && !line.startsWith('#define')) passed.add(found[1])
  }
  const problems = []
  for (const [at, line] of lines.entries()) {
    for (const row of irreversible) {
      if (row.of !== name || !row.line.test(withoutComment(line))) continue
      if (hasFailpoint(lines, at, row, language)) continue
      problems.push(
        `${path}:${at + 1}: ${row.what}, and no failpoint of ${table} stands before it ` +
          '(or `// reversible: why`)',
      )
    }
  }
  return problems
}

function hasFailpoint(lines, at, { of, after = false }, { failpoint }) {
  const isAction = (line) =>
    irreversible.some((row) => row.of === of && row.line.test(withoutComment(line)))
  const ends = endOfFunction(lines, at)
  const says = (line) => marker.test(line) || failpoint.test(withoutComment(line))
  if (says(lines[at])) return true
  for (let up = at - 1; up >= Math.max(0, at - linesBefore); up--) {
    if (says(lines[up])) return true
    // One failpoint is one action's.
    if (ends.test(lines[up]) || isAction(lines[up])) break
  }
  if (!after) return false
  for (let down = at + 1; down < lines.length && !ends.test(lines[down]); down++) {
    if (says(lines[down])) return true
  }
  return false
}

// A function in a class ends further in.
function endOfFunction(lines, at) {
  for (let up = at; up >= 0; up--) {
    if (/^\}/.test(lines[up])) break
    if (/^(export )?(default )?(class|struct) [^;]*$/.test(lines[up])) return /^ {2}\}/
  }
  return /^\}/
}

const withoutComment = (line) => line.replace(/\/\/.*$/, '')

// ---- the list

/** Names by language; throws on a line that it does not understand. */
export function parseList(text) {
  const list = { cxx: [], ts: [] }
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('//')) continue
    const [name, match] = Object.entries(languages)
      .map(([name, { row }]) => [name, row.exec(line)])
      .find(([, match]) => match !== null) ?? [undefined, null]
    if (match === null) throw new Error(`${table}:${at + 1}: not a line of a failpoint`)
    if (list[name].includes(match[1]))
      throw new Error(`${table}:${at + 1}: ${match[1]} is there twice`)
    list[name].push(match[1])
  }
  return list
}

export const generate = ({ ts }) =>
  `// Generated from ${table} by scripts/failpoints.mjs; do not edit.\n\n` +
  `export const failpointNames = [\n${ts.map((name) => `  '${name}',\n`).join('')}] as const\n\n` +
  'export type FailpointName = (typeof failpointNames)[number]\n'

/** Listed and passed nowhere, passed and not listed, or in no matrix. */
export function problemsOfList(list, passed, matrixTexts) {
  const problems = []
  for (const [language, names] of Object.entries(list)) {
    for (const name of names) {
      if (!passed.has(name)) problems.push(`${table}: ${name} is passed nowhere`)
      const word = new RegExp(`\\b${name}\\b`)
      if (!word.test(matrixTexts[language])) {
        problems.push(`${table}: ${name} is not in the matrix (${matrices[language].join(', ')})`)
      }
    }
  }
  const listed = new Set(Object.values(list).flat())
  for (const name of passed) {
    if (!listed.has(name)) problems.push(`${table}: lacks ${name}, which is passed`)
  }
  return problems
}

const read = (path) => readFileSync(join(root, path), 'utf8')

export function check() {
  const list = parseList(read(table))
  const passed = new Set()
  const files = filesBelow(['native', 'src']).map(({ path }) => relative(root, path))
  const problems = files.flatMap((path) => problemsIn({ path, text: read(path) }, passed))
  const texts = Object.entries(matrices).map(([of, paths]) => [of, paths.map(read).join('\n')])
  problems.push(...problemsOfList(list, passed, Object.fromEntries(texts)))
  if (read(generated) !== generate(list))
    problems.push(`${generated} is stale: run \`npm run gen\``)
  return problems
}

main(import.meta.url, async (args) => {
  if (!args.includes('--check')) {
    writeFileSync(join(root, generated), generate(parseList(read(table))))
    return
  }
  const problems = check()
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
})
