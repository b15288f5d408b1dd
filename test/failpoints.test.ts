// The check that every irreversible action has its failpoint (scripts/failpoints.mjs) finds one that is
// missing, in samples and in the code itself; and what is released has none of them.

import { readFileSync, readdirSync } from 'node:fs'
import { join, posix, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { describe, expect, test } from 'vitest'

import { failpoint } from '../src/base/failpoint.js'

interface SourceFile {
  readonly path: string
  readonly text: string
}
type List = Readonly<Record<'cxx' | 'ts', readonly string[]>>
interface Script {
  readonly problemsIn: (file: SourceFile, passed?: Set<string>) => readonly string[]
  readonly parseList: (text: string) => List
  readonly problemsOfList: (
    list: List,
    passed: ReadonlySet<string>,
    matrices: Readonly<Record<'cxx' | 'ts', string>>,
  ) => readonly string[]
  readonly check: () => readonly string[]
}

const root = resolve(import.meta.dirname, '..')
const script = (await import(
  pathToFileURL(join(root, 'scripts/failpoints.mjs')).href
)) as unknown as Script
const { problemsIn, parseList, problemsOfList, check } = script

test('the tree has one before everything irreversible', () => {
  expect(check()).toEqual([])
})

describe('an action without its failpoint', () => {
  const inFunction = (...lines: readonly string[]) => `void f() {\n  ${lines.join('\n  ')}\n}\n`
  const refused: readonly (readonly [why: string, path: string, text: string])[] = [
    ['a removed file', 'native/store/a.cc', inFunction('::unlink(path.c_str());')],
    ['a renamed file', 'native/device/a.cc', inFunction('::rename(a.c_str(), b.c_str());')],
    [
      'a punched hole',
      'native/device/a.cc',
      inFunction('fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1);'),
    ],
    ['a change of the index', 'native/store/a.cc', inFunction('TRY(write(batch, change));')],
    ['a flip', 'native/commit/a.cc', inFunction('TRY(write_superblock(device, next));')],
    ['a record', 'native/volume/a.cc', inFunction('r.header = {RecordType::kDrop, 0, 0, 8};')],
    [
      'a removing record',
      'native/volume/a.cc',
      inFunction('h = {RecordType::kOrigin, kRemove, 0, 8};'),
    ],
    ['a row', 'src/catalog/a.ts', inFunction("await this.#db.deleteFrom('pins').execute()")],
    ['a transaction', 'src/catalog/a.ts', inFunction('await db.transaction().execute(body)')],
    ['a file of TypeScript', 'src/daemon/a.ts', inFunction('renameSync(from, to)')],
    ['an order', 'src/engine/zone/a.ts', inFunction('await native.order(pool, order)')],
    [
      'one that belongs to the function before',
      'native/store/a.cc',
      'void f() {\n  FAILPOINT(kPackDelete);\n}\nvoid g() {\n  ::unlink(a);\n}\n',
    ],
    [
      'one that is too far away',
      'native/store/a.cc',
      inFunction('FAILPOINT(kPackDelete);', ...Array<string>(8).fill('step();'), '::unlink(a);'),
    ],
    [
      'one that is of another action',
      'native/store/a.cc',
      inFunction('FAILPOINT(kPackDelete);', '::unlink(a);', '::unlink(b);'),
    ],
    ['one in a comment', 'native/store/a.cc', inFunction('// FAILPOINT(kX);', '::unlink(a);')],
    ['a marker without a reason', 'native/store/a.cc', inFunction('::unlink(a);  // reversible:')],
  ]
  test.each(refused)('is found: %s', (_why, path, text) => {
    expect(problemsIn({ path, text })).toHaveLength(1)
  })

  const accepted: readonly (readonly [why: string, path: string, text: string])[] = [
    ['with it', 'native/store/a.cc', inFunction('FAILPOINT(kPackDelete);', '::unlink(a);')],
    [
      'with a reason',
      'native/store/a.cc',
      inFunction('::unlink(a);  // reversible: it had no name'),
    ],
    ['in words', 'native/store/a.cc', inFunction('// then ::unlink(a)')],
    [
      'a record that is appended later',
      'native/volume/a.cc',
      inFunction(
        'h = {RecordType::kDrop, 0, 0, 8};',
        'look();',
        'FAILPOINT(kCutDrop);',
        'append();',
      ),
    ],
    [
      'a row with it',
      'src/catalog/a.ts',
      inFunction("failpoint('pinDrop')", "db.deleteFrom('pins')"),
    ],
    ['a test', 'test/native/a.cc', inFunction('::unlink(a);')],
  ]
  test.each(accepted)('is none: %s', (_why, path, text) => {
    expect(problemsIn({ path, text })).toEqual([])
  })

  test('is found wherever one is taken out of the code', () => {
    const missed: string[] = []
    for (const path of sources()) {
      const lines = readFileSync(join(root, path), 'utf8').split('\n')
      for (const [at, line] of lines.entries()) {
        if (!/^ +(FAILPOINT\(\w+\);|failpoint\('\w+'\))$/.test(line)) continue
        const text = lines.toSpliced(at, 1).join('\n')
        if (problemsIn({ path, text }).length === 0) missed.push(`${path}:${at + 1}`)
      }
    }
    expect(missed).toEqual([])
  })
})

describe('the list', () => {
  const text = '// words\nASHLAR_CXX_FAILPOINT(kA, "a")\nASHLAR_TS_FAILPOINT(b, "b")\n'
  const whole = { cxx: 'kA', ts: "'b'" }

  test('is read', () => {
    expect(parseList(text)).toEqual({ cxx: ['kA'], ts: ['b'] })
    expect(problemsOfList(parseList(text), new Set(['kA', 'b']), whole)).toEqual([])
  })
  test.each([
    ['one twice', `${text}ASHLAR_TS_FAILPOINT(b, "b")`, /there twice/],
    ['anything else', 'ASHLAR_CXX_FAILPOINT(kA)', /not a line/],
  ])('refuses %s', (_why, wrong, says) => {
    expect(() => parseList(wrong)).toThrow(says)
  })
  test.each([
    ['is passed nowhere', ['b'], whole, /kA is passed nowhere/],
    ['is in no matrix', ['kA', 'b'], { ...whole, ts: '' }, /b is not in the matrix/],
    ['is not listed', ['kA', 'b', 'c'], whole, /lacks c/],
  ])('finds a failpoint that %s', (_why, passed, matrices, says) => {
    expect(problemsOfList(parseList(text), new Set(passed), matrices)).toEqual([
      expect.stringMatching(says),
    ])
  })
})

test('the addon has neither the calls nor the names', () => {
  const name = readdirSync(join(root, 'build')).find((each) => each.startsWith('ashlar.'))
  const addon = readFileSync(join(root, 'build', name ?? ''))
  expect(addon.includes('kSuperblockFlip')).toBe(false)
  expect(addon.includes('pass_failpoint')).toBe(false)
  expect(addon.includes('write_superblock')).toBe(true) // names are there
})

test('in TypeScript they do nothing, whatever the environment says', () => {
  process.env['ASHLAR_FAILPOINTS'] = '/dev/null'
  expect(() => failpoint('catalogCommit')).not.toThrow()
  expect(globalThis.ashlarFailpoint).toBeUndefined()
})

function sources(): readonly string[] {
  return ['native', 'src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(cc|h|ts)$/.test(entry.name))
      .map((entry) => posix.relative(root, join(entry.parentPath, entry.name))),
  )
}
