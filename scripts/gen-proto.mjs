// Writes src/gen/ from proto/: TypeScript types of every message and service, and the definitions
// themselves as data, so that nothing reads .proto files at run time (5 ms instead of 30).
//   node scripts/gen-proto.mjs           writes
//   node scripts/gen-proto.mjs --check   exits 1 when src/gen/ is not what it would write

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import protobuf from 'protobufjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const protoFolder = join(root, 'proto')
const genFolder = join(root, 'src', 'gen')
const notOurs = new Set(['errors.ts', 'failpoints.ts'])

const files = (folder) =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()

const protoFiles = files(protoFolder).filter((file) => file.endsWith('.proto'))

/** Path → text of everything this script owns. */
function generate() {
  const made = messageTypes()
  const parsed = parse({ keepCase: false })
  made.set('proto.ts', definitionsModule(parsed))
  made.set('reflection.ts', reflectionModule(parse({ keepCase: true })))
  return made
}

function messageTypes() {
  const out = mkdtempSync(join(tmpdir(), 'ashlar-gen-'))
  try {
    const require = createRequire(import.meta.url)
    const loader = dirname(require.resolve('@grpc/proto-loader/package.json'))
    const tool = join(loader, 'build', 'bin', 'proto-loader-gen-types.js')
    execFileSync(process.execPath, [
      tool,
      ...['--longs=String', '--enums=String', '--oneofs', '--defaults'],
      ...['--importFileExtension=.js', '--grpcLib=@grpc/grpc-js'],
      ...[`--outDir=${out}`, `--includeDirs=${protoFolder}`, '--', ...protoFiles],
    ])
    // The files at the top only repeat what the folders hold, in a form we do not use.
    return new Map(
      files(out)
        .filter((file) => file.includes('/'))
        .map((file) => [file, tidied(file, readFileSync(join(out, file), 'utf8'))]),
    )
  } finally {
    rmSync(out, { recursive: true })
  }
}

// The tool names the source file relative to the working directory, or not at all.
function tidied(file, text) {
  const body = text.replace(/^\/\/ Original file: .*\n/, '').replace(/\s*$/, '\n')
  return `// Generated from proto/ by scripts/gen-proto.mjs.\n${body.startsWith('\n') ? '' : '\n'}${body}`
}

function parse(options) {
  const parsed = new protobuf.Root()
  parsed.resolvePath = (_origin, target) =>
    protoFiles.includes(target) ? join(protoFolder, target) : target
  parsed.loadSync(protoFiles, options)
  return parsed
}

const json = (parsed) => JSON.stringify(parsed.toJSON({ keepComments: false }))

// A string literal: parsing JSON is several times faster than evaluating an object literal.
const literal = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function definitionsModule(parsed) {
  const services = []
  for (const file of protoFiles) {
    const name = /^service (\w+)/m.exec(readFileSync(join(protoFolder, file), 'utf8'))?.[1]
    if (name !== undefined) services.push({ name, folder: dirname(file) })
  }
  const imports = services.map(
    ({ name, folder }) => `import type { ${name}Definition } from './${folder}/${name}.js'`,
  )
  const fullName = ({ name, folder }) => `${folder.replaceAll('/', '.')}.${name}`
  const exports = services.map(
    (service) =>
      `export const ${lowerFirst(service.name)} = service<${service.name}Definition>('${fullName(service)}')`,
  )
  return `// Generated from proto/ by scripts/gen-proto.mjs: every service definition, ready for
// \`server.addService\` and \`makeClientConstructor\`.

import type { ServiceDefinition } from '@grpc/grpc-js'

import { serviceDefinitions } from '../base/service-definitions.js'
${imports.join('\n')}

const json = ${literal(json(parsed))}

/** By full name. */
export const services: Readonly<Record<string, ServiceDefinition>> = serviceDefinitions(
  JSON.parse(json),
  [${services.map((service) => `'${fullName(service)}'`).join(', ')}],
)

function service<T extends ServiceDefinition>(name: string): T {
  return services[name] as T
}

${exports.join('\n')}
`
}

function reflectionModule(parsed) {
  return `// Generated from proto/ by scripts/gen-proto.mjs: the definitions with the field names of the
// .proto files, for server reflection only (new ReflectionService(reflectionDefinition())).

import { type PackageDefinition, fromJSON } from '@grpc/proto-loader'

const json = ${literal(json(parsed))}

export function reflectionDefinition(): PackageDefinition {
  return fromJSON(JSON.parse(json), { keepCase: true })
}
`
}

const lowerFirst = (text) => text.charAt(0).toLowerCase() + text.slice(1)

function differences(made) {
  const present = files(genFolder).filter((file) => !notOurs.has(file))
  const stale = [...made].filter(([file, text]) => text !== read(file)).map(([file]) => file)
  return [...stale, ...present.filter((file) => !made.has(file))]
}

function read(file) {
  try {
    return readFileSync(join(genFolder, file), 'utf8')
  } catch {
    return undefined
  }
}

function write(made) {
  for (const file of differences(made)) {
    const path = join(genFolder, file)
    const text = made.get(file)
    if (text === undefined) {
      rmSync(path)
      continue
    }
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}

const made = generate()
if (process.argv.includes('--check')) {
  const stale = differences(made)
  if (stale.length > 0) {
    console.error(`src/gen is stale: ${stale.join(', ')}; run node scripts/gen-proto.mjs`)
    process.exit(1)
  }
} else {
  write(made)
}
