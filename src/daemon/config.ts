// The configuration: which sites this process hosts, and how to reach the others. Every key is
// checked and unknown keys are refused by name; what comes out needs no further checking.
//
//   account = "local"
//   metrics = "127.0.0.1:9440"      # GET /metrics, for Prometheus; plain, to whoever reaches it; default: none
//   [[region]]                      # `data`: hosted here. Without it nothing of it is.
//   name = "local"; number = 1; data = "/var/lib/ashlar/local"; listen = "127.0.0.1:7440"
//   site_listen = "10.0.0.1:7450"   # for nodes and peers; without it they use `listen` too
//   tls = { ca = "ca.pem", cert = "local.pem", key = "local.key" }
//   pull_limit = "200MiB"           # bytes a second of all pulls into it; default: none
//   peers = [{ name = "remote", number = 2, address = "10.0.0.2:7450", endpoint = "127.0.0.1:7441" }]
//   [[node]]                        # `data`: hosted here. Without it another process does.
//   name = "a"; zone = "local-1"; region = "local"; region_address = "127.0.0.1:7440"
//   data = "/var/lib/ashlar/a"; pool_file = "/dev/sdb"
//   pool_capacity = "100GiB"        # what the pool may grow to, and may be raised; default: all of a block
//                                   # device, and what the file system has free when a file is made
//   hydration_limit = "200MiB"      # bytes a second in the background; default: none
//   listen = "unix:/run/ashlar/a.sock"; nbd_unix = "/run/ashlar/a.nbd"; nbd_tcp = "127.0.0.1:10809"
//   tls = { … }                     # of the node, as for a region
//
// Who may listen where: the public API (`listen` of a region) stays on this machine, because it asks
// no caller for a name; what serves others stands beside it. Sites reach each other at `site_listen`
// of a region and `listen` of a node: on this machine plainly, or anywhere with `tls` on both sides.
// A site with `tls` speaks nothing else to other sites, on Unix sockets too. Its certificate names
// the site (`ashlar://site/<name>`), so regions and nodes that meet must not share a name.

import { join, resolve } from 'node:path'
import { TomlError, parse as parseToml } from 'smol-toml'
import { z } from 'zod'

import { parseBytes } from '../base/bytes.js'
import { isAccount } from '../base/crn.js'
import { AshlarError } from '../base/error.js'
import { limits } from '../base/limits.js'
import { isName } from '../base/names.js'
import {
  type GrpcAddress,
  parseLocalAddress,
  parseSiteAddress,
  parseTcpAddress,
} from './address.js'

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface RegionConfig {
  readonly name: string
  readonly number: number
  readonly data: string
  /** Of the public API. */
  readonly listen: GrpcAddress
  /** Of what nodes and peers use; undefined: `listen` serves that too, and there is no TLS. */
  readonly siteListen: GrpcAddress | undefined
  readonly tls: TlsFiles | undefined
  /** Of all pulls into the region together; undefined: no limit. */
  readonly pullLimitBytesPerSecond: number | undefined
  readonly peers: readonly PeerConfig[]
}

export interface PeerConfig {
  readonly name: string
  readonly number: number | undefined
  readonly address: GrpcAddress
  /** Where its public API is, as callers are told. */
  readonly endpoint: string
}

/** What a region has to know of a node, whoever hosts it. */
export interface NodeConfig {
  readonly name: string
  readonly zone: string
  readonly region: string
  readonly listen: GrpcAddress
  /** Undefined: another process hosts it. */
  readonly hosted: HostedNode | undefined
}

export interface HostedNode {
  readonly regionAddress: GrpcAddress
  readonly data: string
  readonly poolFile: string
  /** What it may grow to, and never less; undefined: all of a block device, and a file stays. */
  readonly poolCapacityBytes: bigint | undefined
  /** Of a pool that is made; undefined: `poolCapacityBytes`, or what the file system has free. */
  readonly newPoolBytes: bigint | undefined
  /** Of what restored volumes and clones fetch in the background; undefined: no limit. */
  readonly hydrationLimitBytesPerSecond: number | undefined
  readonly tls: TlsFiles | undefined
  readonly nbdUnix: string | undefined
  readonly nbdTcp: { readonly host: string; readonly port: number } | undefined
}

export interface Config {
  readonly account: string
  /** Where the metrics of the whole process are; undefined: nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined
  readonly regions: readonly RegionConfig[]
  readonly nodes: readonly NodeConfig[]
}

/** DESIGN 4: smallest pool. */
const poolBytesMin = 16n << 20n
/** Less would hold one message of a pull for a quarter of a minute. */
const limitBytesMin = 64n << 10n
const limitBytesMax = 1n << 50n

const name = z.string().refine(isName, 'is not a name')
const path = z.string().min(1).max(4096)
const regionNumber = z.int().min(0).max(limits.regionNumberMax)

const tls = z.strictObject({ ca: path, cert: path, key: path }).optional()

const regionSchema = z.strictObject({
  name,
  number: regionNumber,
  data: path,
  listen: z.string(),
  site_listen: z.string().optional(),
  tls,
  pull_limit: z.union([z.string(), z.int().nonnegative()]).optional(),
  peers: z
    .array(
      z.strictObject({
        name,
        number: regionNumber.optional(),
        address: z.string(),
        endpoint: z.string().optional(),
      }),
    )
    .default([]),
})

const nodeSchema = z.strictObject({
  name,
  zone: name,
  region: name,
  region_address: z.string().optional(),
  data: path.optional(),
  pool_file: path.optional(),
  pool_capacity: z.union([z.string(), z.int().nonnegative()]).optional(),
  hydration_limit: z.union([z.string(), z.int().nonnegative()]).optional(),
  listen: z.string(),
  tls,
  nbd_unix: path.optional(),
  nbd_tcp: z.string().optional(),
})

const configSchema = z.strictObject({
  account: z.string().refine(isAccount, 'is not an account').default('local'),
  metrics: z.string().optional(),
  region: z.array(regionSchema).default([]),
  node: z.array(nodeSchema).default([]),
})

type RawNode = z.infer<typeof nodeSchema>
type RawRegion = z.infer<typeof regionSchema>

/** Throws INVALID_ARGUMENT naming the file and the key. Relative paths are relative to `folder`. */
export function parseConfig(text: string, file: string, folder: string): Config {
  const parsed = configSchema.safeParse(parseText(text, file))
  if (!parsed.success) {
    throw bad(file, ...parsed.error.issues.slice(0, 1).map(describeIssue))
  }
  const { account, metrics, region, node } = parsed.data
  const secure = new Set(region.filter(({ tls }) => tls !== undefined).map(({ name }) => name))
  const config = {
    account,
    metrics:
      metrics === undefined ? undefined : inConfig(file, 'metrics', () => parseTcpAddress(metrics)),
    regions: region.map((raw, index) => regionOf(raw, `region[${index}]`, file, folder)),
    nodes: node.map((raw, index) => nodeOf(raw, secure, `node[${index}]`, file, folder)),
  }
  checkWhole(config, file)
  return config
}

function parseText(text: string, file: string): unknown {
  try {
    return parseToml(text)
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown
    const [problem = thrown.message] = thrown.message.split('\n')
    throw bad(file, { key: `line ${thrown.line}, column ${thrown.column}`, problem })
  }
}

interface Problem {
  readonly key: string
  readonly problem: string
}

function describeIssue(issue: z.core.$ZodIssue): Problem {
  const key = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '')
  if (issue.code !== 'unrecognized_keys') return { key, problem: issue.message }
  const unknown = issue.keys[0] ?? ''
  return { key: key === '' ? unknown : `${key}.${unknown}`, problem: 'is not a known key' }
}

function regionOf(raw: RawRegion, key: string, file: string, folder: string): RegionConfig {
  const secure = raw.tls !== undefined
  if (secure && raw.site_listen === undefined) {
    const problem =
      'is required with tls: nodes and peers come there, and the public API stays plain'
    throw bad(file, { key: `${key}.site_listen`, problem })
  }
  return {
    name: raw.name,
    number: raw.number,
    data: resolve(folder, raw.data),
    listen: inConfig(file, `${key}.listen`, () => parseLocalAddress(raw.listen, publicInstead)),
    siteListen:
      raw.site_listen === undefined
        ? undefined
        : siteAddress(raw.site_listen, secure, `${key}.site_listen`, file),
    tls: tlsFiles(raw.tls, folder),
    pullLimitBytesPerSecond: limit(raw.pull_limit, `${key}.pull_limit`, file),
    peers: raw.peers.map((peer, index) => {
      const address = siteAddress(peer.address, secure, `${key}.peers[${index}].address`, file)
      const { name, number, endpoint = address.target } = peer
      return { name, number, address, endpoint }
    }),
  }
}

/** `secureRegions`: those in this file that speak TLS. */
function nodeOf(
  raw: RawNode,
  secureRegions: ReadonlySet<string>,
  key: string,
  file: string,
  folder: string,
): NodeConfig {
  const hosted = hostedOf(raw, key, file, folder)
  const secure = hosted === undefined ? secureRegions.has(raw.region) : hosted.tls !== undefined
  return {
    name: raw.name,
    zone: raw.zone,
    region: raw.region,
    listen: siteAddress(raw.listen, secure, `${key}.listen`, file),
    hosted,
  }
}

function tlsFiles(raw: RawRegion['tls'], folder: string): TlsFiles | undefined {
  if (raw === undefined) return undefined
  const { ca, cert, key } = raw
  return { ca: resolve(folder, ca), cert: resolve(folder, cert), key: resolve(folder, key) }
}

function hostedOf(raw: RawNode, key: string, file: string, folder: string): HostedNode | undefined {
  if (raw.data === undefined) {
    const extra = (
      [
        'region_address',
        'pool_file',
        'pool_capacity',
        'hydration_limit',
        'tls',
        'nbd_unix',
        'nbd_tcp',
      ] as const
    ).find((name) => raw[name] !== undefined)
    if (extra === undefined) return undefined
    const problem = `is for a node hosted here, which needs ${key}.data`
    throw bad(file, { key: `${key}.${extra}`, problem })
  }
  if (raw.region_address === undefined) {
    throw bad(file, { key: `${key}.region_address`, problem: 'is required for a node hosted here' })
  }
  const data = resolve(folder, raw.data)
  return {
    regionAddress: siteAddress(
      raw.region_address,
      raw.tls !== undefined,
      `${key}.region_address`,
      file,
    ),
    data,
    tls: tlsFiles(raw.tls, folder),
    poolFile: raw.pool_file === undefined ? join(data, 'pool') : resolve(folder, raw.pool_file),
    poolCapacityBytes: capacity(raw.pool_capacity, `${key}.pool_capacity`, file),
    newPoolBytes: undefined,
    hydrationLimitBytesPerSecond: limit(raw.hydration_limit, `${key}.hydration_limit`, file),
    nbdUnix: raw.nbd_unix === undefined ? undefined : resolve(folder, raw.nbd_unix),
    nbdTcp:
      raw.nbd_tcp === undefined
        ? undefined
        : inConfig(file, `${key}.nbd_tcp`, () => parseTcpAddress(raw.nbd_tcp ?? '')),
  }
}

function capacity(raw: string | number | undefined, key: string, file: string): bigint | undefined {
  if (raw === undefined) return undefined
  const bytes = inConfig(file, key, () => parseBytes(String(raw)))
  if (bytes >= poolBytesMin) return bytes
  throw bad(file, { key, problem: `a pool of ${bytes} bytes is below ${poolBytesMin}` })
}

function limit(raw: string | number | undefined, key: string, file: string): number | undefined {
  if (raw === undefined) return undefined
  const bytes = inConfig(file, key, () => parseBytes(String(raw)))
  if (bytes >= limitBytesMin && bytes <= limitBytesMax) return Number(bytes)
  const problem = `${bytes} bytes a second are not within ${limitBytesMin} to ${limitBytesMax}`
  throw bad(file, { key, problem })
}

const publicInstead = 'the public API stays on this machine, and nodes and peers use site_listen'
const siteInstead = 'gRPC beyond this machine needs tls'

function siteAddress(text: string, secure: boolean, key: string, file: string): GrpcAddress {
  return inConfig(file, key, () =>
    secure ? parseSiteAddress(text) : parseLocalAddress(text, siteInstead),
  )
}

function inConfig<T>(file: string, key: string, parse: () => T): T {
  try {
    return parse()
  } catch (thrown) {
    if (thrown instanceof AshlarError) throw bad(file, { key, problem: thrown.message })
    throw thrown
  }
}

function checkWhole(config: Config, file: string): void {
  const hosted = config.nodes.flatMap(({ hosted }) => (hosted === undefined ? [] : [hosted]))
  if (config.regions.length === 0 && hosted.length === 0) {
    throw bad(file, { key: '', problem: 'it hosts nothing: neither a region nor a node with data' })
  }
  requireUnique(
    file,
    'region name',
    config.regions.map(({ name }) => name),
  )
  requireUnique(
    file,
    'region number',
    config.regions.map(({ number }) => String(number)),
  )
  requireUnique(
    file,
    'node name',
    config.nodes.map(({ name }) => name),
  )
  requireUnique(file, 'site name', [
    ...new Set(config.regions.flatMap(({ name, peers }) => [name, ...peers.map((p) => p.name)])),
    ...config.nodes.map(({ name }) => name),
  ])
  requireSameTls(config, file)
  requireUnique(
    file,
    'data folder',
    [...config.regions, ...hosted].map(({ data }) => data),
  )
  requireUnique(
    file,
    'pool file',
    hosted.map(({ poolFile }) => poolFile),
  )
  const { metrics } = config
  requireUnique(file, 'address', [
    ...(metrics === undefined ? [] : [`${metrics.host}:${metrics.port}`]),
    ...[...config.regions, ...config.nodes].map(({ listen }) => listen.target),
    ...config.regions.flatMap(({ siteListen }) => siteListen?.target ?? []),
    ...hosted.flatMap(({ nbdUnix }) => (nbdUnix === undefined ? [] : [`unix:${nbdUnix}`])),
    ...hosted.flatMap(({ nbdTcp }) =>
      nbdTcp === undefined ? [] : [`${nbdTcp.host}:${nbdTcp.port}`],
    ),
  ])
}

// Each would wait for the other for ever.
function requireSameTls({ regions, nodes }: Config, file: string): void {
  for (const [index, { region, hosted }] of nodes.entries()) {
    const own = regions.find(({ name }) => name === region)
    if (own === undefined || hosted === undefined) continue
    if ((own.tls === undefined) === (hosted.tls === undefined)) continue
    const [with_, without] = own.tls === undefined ? ['it', 'its region'] : ['its region', 'it']
    throw bad(file, {
      key: `node[${index}].tls`,
      problem: `${with_} has tls and ${without} has not`,
    })
  }
}

function requireUnique(file: string, what: string, values: readonly string[]): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index)
  if (twice !== undefined) throw bad(file, { key: '', problem: `${what} ${twice} is there twice` })
}

function bad(file: string, problem?: Problem): AshlarError {
  const { key = '', problem: what = 'it is not valid' } = problem ?? {}
  const place = key === '' ? file : `${file}: ${key}`
  return new AshlarError('INVALID_ARGUMENT', `${place}: ${what}`, key === '' ? {} : { field: key })
}
