// Writes src/gen/errors.ts from native/base/error_codes.def, the one table of errors.
//
//   node scripts/gen-errors.mjs           write
//   node scripts/gen-errors.mjs --check   fail when the file is stale

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
export const tablePath = join(root, 'native', 'base', 'error_codes.def')
export const outputPath = join(root, 'src', 'gen', 'errors.ts')

// The numbers of the NBD protocol, not of the host.
const nbdErrno = {
  NBD_SUCCESS: 0,
  NBD_EPERM: 1,
  NBD_EIO: 5,
  NBD_ENOMEM: 12,
  NBD_EINVAL: 22,
  NBD_ENOSPC: 28,
  NBD_EOVERFLOW: 75,
  NBD_ENOTSUP: 95,
  NBD_ESHUTDOWN: 108,
}

// grpc/status.h; in the order of their numbers.
const grpcStatus = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND'],
  ...['ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION'],
  ...['ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
  'UNAUTHENTICATED',
]

const row =
  /^ASHLAR_ERROR\(\s*k(\w+)\s*,\s*"([a-z0-9_]+)"\s*,\s*(\w+)\s*,\s*(\w+)\s*,\s*(\d{3})\s*,\s*("(?:[^"\\]|\\.)*")\s*\)$/

/** kPoolReadOnly without its k -> POOL_READ_ONLY */
const upperSnake = (name) => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase()

/** The rows of the table; throws with the line number on anything it does not understand. */
export function parseTable(text) {
  const seen = new Set()
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('//') || trimmed.startsWith('#')) return []
    const refuse = (why) => new Error(`error_codes.def:${index + 1}: ${why}`)
    const match = row.exec(trimmed)
    if (!match) throw refuse('not an ASHLAR_ERROR line')
    const [, name, vpcCode, errno, status, http, literal] = match
    if (!(errno in nbdErrno)) throw refuse(`unknown NBD errno ${errno}`)
    if (!grpcStatus.includes(status)) throw refuse(`unknown gRPC status ${status}`)
    const code = upperSnake(name)
    if (seen.has(code)) throw refuse(`${code} is there twice`)
    seen.add(code)
    return [
      {
        code,
        vpcCode,
        nbdErrno: nbdErrno[errno],
        grpcStatus: grpcStatus.indexOf(status),
        httpStatus: Number(http),
        text: JSON.parse(literal),
      },
    ]
  })
}

const quote = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`

/** The TypeScript text, formatted as `npm run format` would. */
export function generate(text) {
  const entries = parseTable(text).map(
    (entry) =>
      `  ${entry.code}: {\n` +
      `    vpcCode: ${quote(entry.vpcCode)},\n` +
      `    nbdErrno: ${entry.nbdErrno},\n` +
      `    grpcStatus: ${entry.grpcStatus},\n` +
      `    httpStatus: ${entry.httpStatus},\n` +
      // The formatter prefers the quotes that need no escape.
      `    text: ${entry.text.includes("'") ? JSON.stringify(entry.text) : quote(entry.text)},\n` +
      '  },\n',
  )
  return (
    '// Generated from native/base/error_codes.def by scripts/gen-errors.mjs; do not edit.\n\n' +
    'export const errorTable = {\n' +
    entries.join('') +
    '} as const satisfies Record<string, ErrorTableEntry>\n\n' +
    'export interface ErrorTableEntry {\n' +
    '  readonly vpcCode: string\n' +
    '  /** As the NBD protocol numbers it. */\n' +
    '  readonly nbdErrno: number\n' +
    '  readonly grpcStatus: number\n' +
    '  readonly httpStatus: number\n' +
    '  readonly text: string\n' +
    '}\n\n' +
    'export type ErrorCode = keyof typeof errorTable\n'
  )
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const wanted = generate(readFileSync(tablePath, 'utf8'))
  const current = existsSync(outputPath) ? readFileSync(outputPath, 'utf8') : ''
  if (process.argv.includes('--check')) {
    if (current !== wanted) {
      console.error('src/gen/errors.ts is stale: run `npm run gen`')
      process.exit(1)
    }
  } else if (current !== wanted) {
    mkdirSync(dirname(outputPath), { recursive: true })
    writeFileSync(outputPath, wanted)
  }
}
