// The architecture as a test: the layer table of the design, and a few habits that no compiler sees.
// Each rule is a function of one file; the samples at the end show what it must refuse.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
}
interface Problem {
  readonly line: number
  readonly text: string
}
type Rule = (file: SourceFile) => Problem[]

// A folder includes itself and lower ranks; folders of one rank do not include each other.
const nativeRanks: Readonly<Record<string, number>> = {
  addon: 8,
  nbd: 7,
  stream: 7,
  volume: 6,
  seal: 6,
  store: 5,
  commit: 5,
  extent: 4,
  pool: 3,
  journal: 3,
  device: 2,
  format: 2,
  codec: 1,
  base: 0,
}
const sourceRanks: Readonly<Record<string, number>> = {
  daemon: 7,
  cli: 6,
  gateway: 6,
  service: 5,
  replication: 4,
  engine: 3,
  catalog: 2,
  client: 2,
  native: 1,
  gen: 1,
  base: 0,
}
// The rooms of src/engine/region; region.ts makes what is in them.
const roomRanks: Readonly<Record<string, number>> = {
  'region.ts': 5,
  objects: 4,
  upkeep: 3,
  jobs: 2,
  nodes: 1,
  core: 0,
}

// The outer surfaces see the product as any caller does: through gRPC.
const sourceLimits: Readonly<Record<string, readonly string[]>> = {
  cli: ['cli', 'client', 'gen', 'base'],
  gateway: ['gateway', 'client', 'gen', 'base'],
}
/** Tables without imports of their own; base/ builds the error class and the failpoints on them. */
const tables = new Set(['src/gen/errors.js', 'src/gen/failpoints.js'])
/** Commands that work on files of a daemon that does not run. */
const offlineCommand = /(^|\/)(pool-[\w-]+|verify|store-[\w-]+|offline[\w-]*)\.ts$/

const isCxx = (path: string) => /^native\/.*\.(cc|h)$/.test(path)
const isSource = (path: string) => /^src\/.*\.ts$/.test(path)
const isTypeScript = (path: string) => /^(src|test|bench)\/.*\.ts$/.test(path)
const folderOf = (path: string) => (path.split('/').length > 2 ? (path.split('/')[1] ?? '') : '')
/** Of a file of src/engine/region; one beside the rooms is its own. */
const roomOf = (path: string) => /^src\/engine\/region\/([^/]+)/.exec(path)?.[1]

/** One problem for each match, at its line. */
function matches(
  text: string,
  pattern: RegExp,
  say: (match: RegExpExecArray) => string | undefined,
) {
  const problems: Problem[] = []
  for (const match of text.matchAll(pattern)) {
    const what = say(match)
    if (what !== undefined) problems.push({ line: lineAt(text, match.index), text: what })
  }
  return problems
}

const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length

/** The text with comments, and string contents when asked, blanked; lines and columns stay. */
function code(text: string, options: { readonly strings: 'keep' | 'blank' }): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g
  return text.replace(token, (found) => {
    if (found.startsWith('/')) return found.replace(/[^\n]/g, ' ')
    if (options.strings === 'keep') return found
    return found.replace(/[^\n"'`]/g, ' ')
  })
}

function refusal(ranks: Readonly<Record<string, number>>, from: string, to: string) {
  const fromRank = ranks[from]
  const toRank = ranks[to]
  if (toRank === undefined) return `${to}/ is not in the layer table`
  if (fromRank === undefined || from === to || toRank < fromRank) return undefined
  const why = toRank === fromRank ? 'is of the same rank' : 'is above'
  return `${from}/ (${fromRank}) must not use ${to}/ (${toRank}), which ${why}; declare an interface here instead`
}

/** One problem for each import of our own that `say` refuses; it is given as written, and from the root. */
function importsOf(
  { path, text }: SourceFile,
  say: (target: string, resolved: string) => string | undefined,
) {
  const imports = /\b(?:from|import)\s*\(?\s*(['"])(\.[^'"]*)\1/g
  return matches(code(text, { strings: 'keep' }), imports, ([, , target = '']) =>
    say(target, posix.join(posix.dirname(path), target)),
  )
}

const folderInTable: Rule = ({ path }) => {
  const ranks = isCxx(path) ? nativeRanks : isSource(path) ? sourceRanks : undefined
  if (ranks === undefined || ranks[folderOf(path)] !== undefined) return []
  return [{ line: 1, text: 'is in no folder of the layer table' }]
}

const nativeLayers: Rule = ({ path, text }) => {
  if (!isCxx(path)) return []
  const includes = /^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm
  return matches(code(text, { strings: 'keep' }), includes, ([, target = '']) => {
    const parts = target.split('/')
    if (parts.length < 2 || parts.includes('..')) {
      return `"${target}": write our headers as "folder/file.h" and others as <file.h>`
    }
    return refusal(nativeRanks, folderOf(path), parts[0] ?? '')
  })
}

const sourceLayers: Rule = (file) => {
  const { path } = file
  if (!isSource(path)) return []
  const from = folderOf(path)
  return importsOf(file, (target, resolved) => {
    if (!resolved.startsWith('src/')) return `${target} leaves src/`
    if (tables.has(resolved)) return undefined
    const to = folderOf(resolved)
    const refused = refusal(sourceRanks, from, to)
    if (refused !== undefined) return refused
    const allowed = sourceLimits[from]
    if (allowed === undefined || allowed.includes(to)) return undefined
    if (from === 'cli' && to === 'native' && offlineCommand.test(path)) return undefined
    return `${from}/ must not use ${to}/, use client/ instead`
  })
}

const regionRooms: Rule = (file) => {
  const from = isSource(file.path) ? roomOf(file.path) : undefined
  if (from === undefined) return []
  if (roomRanks[from] === undefined) {
    return [{ line: 1, text: 'is in no room of src/engine/region' }]
  }
  return importsOf(file, (_target, resolved) => {
    const to = roomOf(resolved.replace(/\.js$/, '.ts'))
    return to === undefined ? undefined : refusal(roomRanks, from, to)
  })
}

const nodeApiInAddon: Rule = ({ path, text }) => {
  if (!/^(native|test\/native)\//.test(path) || path.startsWith('native/addon/')) return []
  return matches(
    text,
    /#[ \t]*include[ \t]*[<"](napi\.h|node_api\.h|js_native_api\.h)[>"]/g,
    ([, name]) => {
      return `${name} belongs to native/addon alone`
    },
  )
}

const addonInBinding: Rule = ({ path, text }) => {
  if (!isTypeScript(path) || path === 'src/native/binding.ts') return []
  const loads = /(['"`])[^'"`\n]*\.node\1|\bprocess\.dlopen\b/g
  return matches(code(text, { strings: 'keep' }), loads, () => {
    return 'loads the addon, use src/native/binding.ts instead'
  })
}

const noAny: Rule = ({ path, text }) => {
  if (!isTypeScript(path)) return []
  return matches(
    code(text, { strings: 'blank' }),
    /\bas\s+any\b/g,
    () => 'as any, use unknown and parse it',
  )
}

const noFixme: Rule = ({ text }) => matches(text, /\bFIXME\b/g, () => 'FIXME may not be merged')

const noBareNew: Rule = ({ path, text }) => {
  if (!isCxx(path) || path.startsWith('native/base/')) return []
  const plain = code(text, { strings: 'blank' }).replace(/^[ \t]*#.*$/gm, '')
  // A private constructor may be called in the very argument of a smart pointer; `= delete` is no delete.
  const owned = /_ptr\s*(?:<[^;]*?>)?\s*(?:\w+\s*)?[({]\s*$/
  return [
    ...matches(plain, /\bnew\b/g, ({ index }) => {
      return owned.test(plain.slice(Math.max(0, index - 200), index))
        ? undefined
        : 'bare new, use make_unique'
    }),
    ...matches(plain, /\bdelete\b(?!\s*[;,)])/g, () => 'bare delete, use an owner'),
  ]
}

const injectedClock: Rule = ({ path, text }) => {
  const plain = code(text, { strings: 'blank' })
  if (isSource(path) && !path.startsWith('src/base/')) {
    const raw =
      /\b(?:Date\.now|performance\.now|Math\.random|process\.hrtime)\b|\bnew\s+Date\s*\(\s*\)/g
    return matches(
      plain,
      raw,
      ([what]) => `${what}, use src/base instead, so that tests can inject it`,
    )
  }
  if (isCxx(path) && !path.startsWith('native/base/')) {
    const raw =
      /\b\w+_clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\bstd::random_device\b|\b(?:std::)?s?rand\s*\(/g
    return matches(
      plain,
      raw,
      ([what]) => `${what}, use native/base instead, so that tests can inject it`,
    )
  }
  return []
}

/** The nearest bracket that is open at `index`, and whether a comma stands after it. */
function openBracketBefore(text: string, index: number) {
  let depth = 0
  let comma = false
  for (let at = index - 1; at >= 0; at--) {
    const char = text[at] ?? ''
    if (')]}'.includes(char)) depth++
    else if (depth === 0 && char === ';') return undefined
    else if (depth === 0 && '([{'.includes(char)) return { char, comma }
    else if ('([{'.includes(char)) depth--
    else if (depth === 0 && char === ',') comma = true
  }
  return undefined
}

/** gcc 12 destroys nothing of a list or a closure that is left half made: what it held is held for good. */
const noTryInLists: Rule = ({ path, text }) => {
  if (!isCxx(path)) return []
  const plain = code(text, { strings: 'blank' })
  return matches(plain, /\bTRY\s*\(/g, ({ index }) => {
    const open = openBracketBefore(plain, index)
    if (open === undefined || open.char === '(' || !open.comma) return undefined
    return 'TRY among the members of a list or the captures of a lambda; give it a line of its own before'
  })
}

const rules: readonly Rule[] = [
  folderInTable,
  nativeLayers,
  sourceLayers,
  regionRooms,
  nodeApiInAddon,
  addonInBinding,
  noAny,
  noFixme,
  noBareNew,
  injectedClock,
  noTryInLists,
]

const problemsIn = (file: SourceFile) =>
  rules.flatMap((rule) => rule(file).map(({ line, text }) => `${file.path}:${line}: ${text}`))

const readText = (path: string): SourceFile => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
})

function filesOf(folder: string): string[] {
  let entries
  try {
    entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  } catch {
    return [] // bench/, for one, may not exist yet
  }
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|mjs|cc|h|def|proto)$/.test(entry.name))
    .map((entry) => posix.relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => path !== 'test/tidy.test.ts') // its samples are offences on purpose
}

describe('the tree', () => {
  test('keeps the layers and the habits', () => {
    const folders = ['native', 'src', 'proto', 'test', 'bench', 'scripts']
    const files = folders.flatMap(filesOf)
    expect(files).toContain('src/native/binding.ts')
    expect(files.map(readText).flatMap(problemsIn)).toEqual([])
  })

  test('has a fresh src/gen/errors.ts', () => {
    execFileSync(process.execPath, ['scripts/gen-errors.mjs', '--check'], {
      cwd: root,
      stdio: 'pipe',
    })
  })
})

describe('the rules', () => {
  const refused: readonly (readonly [why: string, path: string, text: string, says: RegExp])[] = [
    [
      'an upward include',
      'native/pool/pool.h',
      '#include "extent/map.h"',
      /pool\/ \(3\).*extent\/ \(4\).*above/,
    ],
    ['a sideways include', 'native/pool/pool.h', '#include "journal/ring.h"', /same rank/],
    ['store and commit', 'native/store/pack.cc', '#include "commit/pool.h"', /same rank/],
    ['an include of the addon', 'native/nbd/a.cc', '#include "addon/x.h"', /above/],
    ['an unknown target', 'native/nbd/a.cc', '#include "util/x.h"', /not in the layer table/],
    ['an unknown folder', 'native/util/a.cc', '', /no folder of the layer table/],
    ['a file beside the folders', 'native/main.cc', '', /no folder of the layer table/],
    ['a relative include', 'native/nbd/a.cc', '#include "../base/x.h"', /folder\/file/],
    ['a folderless include', 'native/nbd/a.cc', '#include "session.h"', /folder\/file/],
    [
      'an upward import',
      'src/engine/a.ts',
      "import { x } from '../service/x.js'",
      /engine\/ \(3\)/,
    ],
    ['a type import upward', 'src/engine/a.ts', "import type { X } from '../daemon/x.js'", /above/],
    ['an export from above', 'src/base/a.ts', "export * from '../gen/proto.js'", /above/],
    ['a dynamic import upward', 'src/base/a.ts', "await import('../cli/main.js')", /above/],
    ['a bare import upward', 'src/base/a.ts', "import '../cli/main.js'", /above/],
    ['a sideways import', 'src/catalog/a.ts', "import { x } from '../client/x.js'", /same rank/],
    ['gen and native', 'src/gen/a.ts', "import { x } from '../native/binding.js'", /same rank/],
    ['an import of tests', 'src/base/a.ts', "import { x } from '../../test/x.js'", /leaves src/],
    [
      'an import split over lines',
      'src/base/a.ts',
      "import {\n  x,\n} from '../cli/x.js'",
      /^[^:]+:3: /,
    ],
    [
      'the engine in the CLI',
      'src/cli/volumes.ts',
      "import { x } from '../engine/x.js'",
      /use client/,
    ],
    [
      'native in an online command',
      'src/cli/volumes.ts',
      "import { x } from '../native/binding.js'",
      /use client/,
    ],
    [
      'native in the gateway',
      'src/gateway/a.ts',
      "import { x } from '../native/binding.js'",
      /use client/,
    ],
    [
      'an import of a room above',
      'src/engine/region/jobs/copies.ts',
      "import type { Recovery } from '../upkeep/recovery.js'",
      /jobs\/ \(2\).*upkeep\/ \(3\).*above/,
    ],
    [
      'objects in the upkeep',
      'src/engine/region/upkeep/repairs.ts',
      "import { x } from '../objects/views.js'",
      /objects\/ \(4\)/,
    ],
    [
      'a node in the core',
      'src/engine/region/core/drives.ts',
      "await import('../nodes/context.js')",
      /nodes\/ \(1\)/,
    ],
    [
      'the region in a room',
      'src/engine/region/objects/a.ts',
      "import { Region } from '../region.js'",
      /region\.ts.*above/,
    ],
    [
      'an import of no room',
      'src/engine/region/objects/a.ts',
      "import { x } from '../views.js'",
      /views\.ts.*not in the layer table/,
    ],
    ['a file beside the rooms', 'src/engine/region/views.ts', '', /no room of src/],
    ['an unknown room', 'src/engine/region/attic/views.ts', '', /no room of src/],
    ['napi.h below', 'native/volume/a.cc', '#include <napi.h>', /native\/addon alone/],
    ['node_api.h in a test', 'test/native/a.cc', '#include <node_api.h>', /native\/addon alone/],
    ['the addon elsewhere', 'src/engine/a.ts', "require('../../build/ashlar.node')", /binding\.ts/],
    ['the addon in a test', 'test/unit/a.test.ts', 'require(`${root}/ashlar.node`)', /binding\.ts/],
    ['dlopen', 'src/native/other.ts', 'process.dlopen(module, path)', /binding\.ts/],
    ['as any', 'src/base/a.ts', 'const x = y as any', /as any/],
    ['as any in a test', 'test/unit/a.test.ts', 'const x = y as\n  any', /as any/],
    ['FIXME', 'proto/a.proto', '// FIXME later', /FIXME/],
    ['bare new', 'native/nbd/a.cc', 'auto* x = new Session();', /bare new/],
    ['placement new', 'native/nbd/a.cc', 'new (place) Session();', /bare new/],
    ['delete', 'native/nbd/a.cc', 'delete session;', /bare delete/],
    ['delete[]', 'native/nbd/a.cc', 'delete[] bytes;', /bare delete/],
    ['Date.now', 'src/engine/a.ts', 'const now = Date.now()', /Date\.now/],
    ['new Date()', 'src/engine/a.ts', 'const now = new Date()', /new Date/],
    ['Math.random', 'src/cli/a.ts', 'Math.random()', /Math\.random/],
    ['a raw clock', 'native/nbd/a.cc', 'std::chrono::steady_clock::now()', /steady_clock::now/],
    ['random_device', 'native/nbd/a.cc', 'std::random_device device;', /random_device/],
    ['rand', 'native/nbd/a.cc', 'int x = rand();', /rand/],
    ['TRY in a capture', 'native/nbd/a.cc', 'f([a, b = TRY(c(d))] { g(); });', /TRY/],
    ['TRY in a list', 'native/nbd/a.cc', 'return A{f(a, b),\n TRY(c())};', /TRY/],
  ]
  test.each(refused)('refuse %s', (_why, path, text, says) => {
    const problems = problemsIn({ path, text })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(says)
  })

  const accepted: readonly (readonly [why: string, path: string, text: string])[] = [
    ['a downward include', 'native/volume/a.cc', '#include "pool/pool.h"\n#include <vector>'],
    ['an own include', 'native/pool/a.cc', '#include "pool/pool.h"'],
    ['an include in a comment', 'native/pool/a.cc', '// #include "volume/volume.h"'],
    ['napi.h in the addon', 'native/addon/a.cc', '#include <napi.h>'],
    [
      'tests that include anything',
      'test/native/a.cc',
      '#include "nbd/a.h"\n#include "sim_device.h"',
    ],
    ['a downward import', 'src/engine/a.ts', "import { x } from '../catalog/x.js'"],
    ['the table of errors', 'src/base/a.ts', "import { errorTable } from '../gen/errors.js'"],
    [
      'a room below',
      'src/engine/region/objects/a.ts',
      "import { x } from '../upkeep/x.js'\nimport { y } from '../core/y.js'",
    ],
    ['an own room', 'src/engine/region/jobs/a.ts', "import { x } from './x.js'"],
    [
      'a room that uses the engine',
      'src/engine/region/jobs/a.ts',
      "import { x } from '../../retry.js'",
    ],
    [
      'the region, which makes all',
      'src/engine/region/region.ts',
      "import { x } from './objects/x.js'",
    ],
    [
      'the region from outside',
      'src/service/a.ts',
      "import { x } from '../engine/region/core/x.js'",
    ],
    ['a package', 'src/engine/a.ts', "import { z } from 'zod'"],
    ['client in the CLI', 'src/cli/volumes.ts', "import { x } from '../client/x.js'"],
    [
      'native in an offline command',
      'src/cli/pool-check.ts',
      "import { x } from '../native/binding.js'",
    ],
    ['the daemon, which wires all', 'src/daemon/a.ts', "import { x } from '../cli/x.js'"],
    ['the binding', 'src/native/binding.ts', "require('../../build/ashlar.node')"],
    ['node: modules', 'src/base/a.ts', "import { join } from 'node:path'"],
    ['a deleted function', 'native/nbd/a.h', 'Session(const Session&) = delete;'],
    ['an owned new', 'native/nbd/a.cc', 'return std::unique_ptr<Pool>(new Pool(std::move(x)));'],
    ['new in words', 'native/nbd/a.cc', '// a new session\nlog("delete the new one");'],
    ['new in base', 'native/base/a.cc', 'auto* x = new int;'],
    ['the clock itself', 'src/base/clock.ts', 'const now = () => Date.now()'],
    ['a date of a number', 'src/engine/a.ts', 'new Date(clock.nowMs())'],
    ['any as a word', 'src/engine/a.ts', "// as any caller\nconst x = 'as any caller'"],
  ]
  test.each(accepted)('accept %s', (_why, path, text) => {
    expect(problemsIn({ path, text })).toEqual([])
  })

  test('name the file and the line', () => {
    const file = { path: 'native/pool/a.h', text: '#pragma once\n\n#include "volume/v.h"\n' }
    expect(problemsIn(file)[0]).toMatch(/^native\/pool\/a\.h:3: /)
  })
})

describe('the table of errors', () => {
  interface Row {
    readonly code: string
    readonly nbdErrno: number
    readonly grpcStatus: number
    readonly text: string
  }
  const load = async () =>
    (await import(pathToFileURL(join(root, 'scripts/gen-errors.mjs')).href)) as {
      readonly parseTable: (text: string) => Row[]
    }
  const row =
    'ASHLAR_ERROR(kPoolFull, "pool_full", NBD_ENOSPC, RESOURCE_EXHAUSTED, 507, "Say \\"no\\".")'

  test('is read', async () => {
    const { parseTable } = await load()
    expect(parseTable(`// a comment\n\n${row}\n`)).toEqual([
      {
        code: 'POOL_FULL',
        vpcCode: 'pool_full',
        nbdErrno: 28,
        grpcStatus: 8,
        httpStatus: 507,
        text: 'Say "no".',
      },
    ])
  })

  test.each([
    ['a duplicate', `${row}\n${row}`, /:2: POOL_FULL is there twice/],
    ['an unknown errno', row.replace('NBD_ENOSPC', 'ENOSPC'), /unknown NBD errno/],
    ['an unknown status', row.replace('RESOURCE_', 'RES_'), /unknown gRPC status/],
    ['anything else', 'ASHLAR_ERROR(kX)', /not an ASHLAR_ERROR line/],
  ])('refuses %s', async (_why, text, says) => {
    const { parseTable } = await load()
    expect(() => parseTable(text)).toThrow(says)
  })
})
