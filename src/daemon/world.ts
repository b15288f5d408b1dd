// The default world: what `npm start` hosts when no configuration is given. Two regions and four
// nodes on loopback, their data in one folder. Between them they speak TLS as they would anywhere,
// over Unix sockets.

import { createHash } from 'node:crypto'
import { lstatSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { AshlarError } from '../base/error.js'
import { limits } from '../base/limits.js'
import { joinHostPort, parseLocalAddress, parseSiteAddress, parseTcpAddress } from './address.js'
import type { Config, NodeConfig } from './config.js'
import { developmentCertificates } from './development-certificates.js'
import { isFolder, makeFolder } from './folder.js'

export interface WorldOptions {
  /** Absolute. */
  readonly data: string
  /** Where region `local` listens; `remote` has the next port. */
  readonly endpoint: string
  /** First port for NBD over TCP; each node has the next. */
  readonly nbdPort: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** For the validity of certificates. */
  readonly now: Date
}

const regions = [
  { name: 'local', number: 1, zones: ['local-1', 'local-2', 'local-3'] },
  { name: 'remote', number: 2, zones: ['remote-1'] },
] as const

export async function defaultWorld(options: WorldOptions): Promise<Config> {
  const addresses = regionAddresses(options.endpoint)
  const sockets = socketFolder(options)
  const capacity = poolCapacity(options.data)
  const socket = (name: string) => parseSiteAddress(`unix:${join(sockets, name)}`)
  const siteListen = (region: string) => socket(`${region}.sites`)
  const names = regions.flatMap(({ name, zones }) => [name, ...zones.map(nodeOf)])
  const tls = await developmentCertificates(join(options.data, 'tls'), names, options.now)
  const nodes: NodeConfig[] = []
  for (const region of regions) {
    for (const zone of region.zones) {
      const name = nodeOf(zone)
      nodes.push({
        name,
        zone,
        region: region.name,
        listen: socket(`${name}.grpc`),
        hosted: {
          regionAddress: siteListen(region.name),
          tls: tls(name),
          data: join(options.data, name),
          poolFile: join(options.data, name, 'pool'),
          poolCapacityBytes: undefined,
          newPoolBytes: capacity,
          hydrationLimitBytesPerSecond: undefined,
          nbdUnix: join(sockets, `${name}.nbd`),
          nbdTcp: { host: '127.0.0.1', port: options.nbdPort + nodes.length },
        },
      })
    }
  }
  return {
    account: 'local',
    metrics: undefined,
    regions: regions.map(({ name, number }, index) => ({
      name,
      number,
      data: join(options.data, name),
      listen: addressOf(addresses, index),
      siteListen: siteListen(name),
      tls: tls(name),
      pullLimitBytesPerSecond: undefined,
      peers: regions
        .map((peer, at) => ({ ...peer, endpoint: addressOf(addresses, at).target }))
        .filter((peer) => peer.name !== name)
        .map((peer) => ({
          name: peer.name,
          number: peer.number,
          address: siteListen(peer.name),
          endpoint: peer.endpoint,
        })),
    })),
    nodes,
  }
}

function nodeOf(zone: string): string {
  return `${zone}-a`
}

type Addresses = readonly ReturnType<typeof parseSiteAddress>[]

function regionAddresses(endpoint: string): Addresses {
  if (endpoint.startsWith('unix:')) {
    return [parseSiteAddress(endpoint), parseSiteAddress(`${endpoint}.remote`)]
  }
  const { host, port } = parseTcpAddress(endpoint)
  return regions.map((_, index) =>
    parseLocalAddress(joinHostPort(host, port + index), 'the public API stays on this machine'),
  )
}

function addressOf(addresses: Addresses, index: number): Addresses[number] {
  const address = addresses[index]
  if (address === undefined) throw new AshlarError('INTERNAL', `region ${index} has no address`)
  return address
}

/**
 * Files grow as pools fill; each new pool may take an equal share of what is free. At least the smallest
 * pool.
 */
function poolCapacity(data: string): bigint {
  makeFolder(data)
  const { bavail, bsize } = statfsSync(data, { bigint: true })
  const nodes = BigInt(regions.reduce((sum, { zones }) => sum + zones.length, 0))
  const share = (bavail * bsize) / nodes
  const block = limits.blockBytes
  const least = 64n << 20n
  return share < least ? least : (share / block) * block
}

/**
 * A folder for sockets that only this user can enter, one for each data folder: in the user's run
 * directory, or under a short name in the temporary directory when a path there would be too long.
 */
function socketFolder({ data, env }: WorldOptions): string {
  const digest = createHash('sha256').update(data).digest('hex').slice(0, 8)
  const short = `ash-${userId()}-${digest}`
  const candidates = [join(runDirectory(env), 'ashlar', digest), join(tmpdir(), short)]
  const folder = candidates.find(fits) ?? join('/tmp', short)
  makeFolder(folder)
  const found = lstatSync(folder)
  if (found.isDirectory() && found.uid === userId() && (found.mode & 0o077) === 0) return folder
  throw new AshlarError(
    'PERMISSION_DENIED',
    `${folder} is not a folder of this user's alone; remove it and start again`,
  )
}

/** Not os.userInfo(): that fails for a uid without an entry in passwd, as containers have them. */
function userId(): number {
  return process.geteuid?.() ?? 0
}

function fits(folder: string): boolean {
  return Buffer.byteLength(join(folder, 'remote-1-a.grpc')) <= limits.socketPathBytesMax
}

function runDirectory(env: WorldOptions['env']): string {
  const uid = userId()
  const candidates = [env['XDG_RUNTIME_DIR'], `/run/user/${uid}`, uid === 0 ? '/run' : undefined]
  const found = candidates.find((path) => path !== undefined && path !== '' && isFolder(path))
  return found ?? join(tmpdir(), `ash-${uid}`)
}
