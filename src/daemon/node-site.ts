// A hosted zone node: pool, NBD server, hydration, and the gRPC services for its region. The pool
// comes first: it decides whether this process may be the node at all, and its records bring the
// exports back before any region has spoken.

import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { hostname } from 'node:os'

import type { Clock } from '../base/clock.js'
import { AshlarError, asAshlarError } from '../base/error.js'
import { RateLimit } from '../base/rate-limit.js'
import type { Logger } from '../base/logger.js'
import { CutSource } from '../engine/zone/cut-source.js'
import { Hydration } from '../engine/zone/hydration.js'
import { type PoolSetting, growPool } from '../engine/zone/pool-size.js'
import { ZoneNode } from '../engine/zone/zone-node.js'
import { zoneService } from '../gen/proto.js'
import type { SiteCredentials } from '../client/site-credentials.js'
import type { Binding, NbdHandle, NbdOptions, PoolHandle, PoolRecords } from '../native/binding.js'
import { PullClient } from '../replication/pull-client.js'
import { pullServiceDefinition } from '../replication/pull-method.js'
import { PullServer } from '../replication/pull-server.js'
import { SiteServer } from '../service/server.js'
import { Handlers } from '../service/unary.js'
import { zoneHandlers } from '../service/zone-service.js'
import { joinHostPort } from './address.js'
import type { HostedNode, NodeConfig } from './config.js'
import { makeFolder } from './folder.js'
import type { NodeMeasures } from './metrics/node-rows.js'
import { forSetting, ofSetting } from './setting.js'

export interface NodeSiteOptions {
  readonly config: NodeConfig & { readonly hosted: HostedNode }
  readonly credentials: SiteCredentials
  readonly native: Binding
  readonly clock: Clock
  readonly log: Logger
  readonly pageCacheBytes: bigint | undefined
  /** The node in the configuration as it is now. Throws when it cannot be read or has it no more. */
  readonly reread: () => HostedNode
}

const nbdGraceMs = 5000
const callGraceMs = 1000

export class NodeSite {
  readonly name: string
  readonly #native: Binding
  readonly #pool: PoolHandle
  readonly #nbd: NbdHandle
  readonly #node: ZoneNode
  readonly #pulls: PullServer
  readonly #pullers: { readonly demand: PullClient; readonly background: PullClient }
  readonly #server: SiteServer

  private constructor(options: NodeSiteOptions, pool: PoolHandle, nbd: NbdHandle) {
    const { config, credentials, native, clock, log } = options
    const { hosted, name, zone, region } = config
    this.name = name
    this.#native = native
    this.#pool = pool
    this.#nbd = nbd
    const regionAt = { native, address: hosted.regionAddress.target, peer: region, credentials }
    const pullers = {
      demand: new PullClient(regionAt),
      background: new PullClient({ ...regionAt, ...hydrationLimit(options) }),
    }
    this.#pullers = pullers
    this.#node = new ZoneNode({
      native,
      pool,
      clock,
      log,
      node: {
        name,
        zone,
        region,
        nbdUnixPath: hosted.nbdUnix ?? '',
        nbdTcpAddress: hosted.nbdTcp === undefined ? '' : advertised(hosted.nbdTcp),
      },
      newBootId: randomUUID,
      hydration: new Hydration({ native, pool, clock, log, site: name, pullers }),
      poolSetting: () => settingNow(options),
    })
    const source = new CutSource({ native, pool, region })
    this.#pulls = new PullServer({ native, source, log, onlyCaller: region })
    const services = [
      {
        name: 'ashlar.zone.v1.ZoneService',
        definition: zoneService,
        handlers: zoneHandlers(this.#node, new Handlers(log, { onlyCaller: region })),
      },
      {
        name: 'ashlar.replication.v1.ReplicationService',
        definition: pullServiceDefinition,
        handlers: this.#pulls.handlers,
      },
    ]
    this.#server = new SiteServer(services, log)
  }

  static async start(options: NodeSiteOptions): Promise<NodeSite> {
    const { config, native, pageCacheBytes } = options
    const { hosted } = config
    makeFolder(hosted.data)
    const pool = await openPool(native, hosted, pageCacheBytes)
    try {
      await growPool(native, pool, hosted)
      const nbd = await startNbd(native, pool, hosted)
      const site = new NodeSite(options, pool, nbd)
      await site.#listen(options)
      return site
    } catch (thrown) {
      await native.closePool(pool)
      throw thrown
    }
  }

  async #listen({ config, credentials }: NodeSiteOptions): Promise<void> {
    const { socketPath } = config.listen
    if (socketPath !== undefined) makeFolder(dirname(socketPath))
    await forSetting('listen', async () => {
      await this.#server.listen(config.listen, credentials.server)
    })
    // The first read of a restored volume does not wait for a connection.
    for (const puller of Object.values(this.#pullers)) puller.keepConnected()
    this.#node.start()
    this.#server.setServing(true)
  }

  measures(): NodeMeasures {
    const { demand, background } = this.#pullers
    return {
      pool: this.#native.poolMeasures(this.#pool),
      stats: this.#node.stats(),
      receivedBytes: { demand: demand.receivedBytes, background: background.receivedBytes },
      remoteBytes: remoteBytes(this.#native.records(this.#pool)),
    }
  }

  /** Hosts first: their requests finish, and what they flushed is in the checkpoint. */
  async stop(): Promise<void> {
    this.#server.setServing(false)
    await this.#native.stopNbd(this.#nbd, nbdGraceMs)
    this.#pulls.stop()
    await this.#node.stop()
    await this.#server.stop(callGraceMs)
    for (const puller of Object.values(this.#pullers)) puller.close()
    await this.#native.closePool(this.#pool)
  }
}

/** One for all that is fetched in the background; reads that wait are not held up. */
function hydrationLimit({ config, clock }: NodeSiteOptions): { readonly limit?: RateLimit } {
  const bytesPerSecond = config.hosted.hydrationLimitBytesPerSecond
  return bytesPerSecond === undefined ? {} : { limit: new RateLimit({ bytesPerSecond, clock }) }
}

async function openPool(
  native: Binding,
  { poolFile, poolCapacityBytes, newPoolBytes = poolCapacityBytes }: HostedNode,
  pageCacheBytes: bigint | undefined,
): Promise<PoolHandle> {
  try {
    return await native.openPool({
      path: poolFile,
      ...(newPoolBytes === undefined ? {} : { capacityBytes: newPoolBytes }),
      ...(pageCacheBytes === undefined ? {} : { pageCacheBytes }),
    })
  } catch (thrown) {
    const { code, message } = asAshlarError(thrown)
    // What is found deep inside a pool does not say whose it is.
    const named = message.includes(poolFile) ? message : `${poolFile}: ${message}`
    throw new AshlarError(code, named, { cause: thrown })
  }
}

function settingNow({ reread, config: { hosted } }: NodeSiteOptions): PoolSetting {
  const now = rereadFor(reread)
  if (now.poolFile === hosted.poolFile) return now
  throw new AshlarError(
    'FAILED_PRECONDITION',
    `the configuration says ${now.poolFile} by now, and ${hosted.poolFile} is open; restart the daemon`,
  )
}

// What is wrong with the file is no argument of the caller's.
function rereadFor(reread: () => HostedNode): HostedNode {
  try {
    return reread()
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    throw new AshlarError('FAILED_PRECONDITION', message, { cause: thrown })
  }
}

async function startNbd(native: Binding, pool: PoolHandle, hosted: HostedNode): Promise<NbdHandle> {
  try {
    return await native.startNbd(pool, nbdOptions(hosted))
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    const { nbdUnix, nbdTcp } = hosted
    if (nbdUnix !== undefined && message.startsWith(nbdUnix)) throw ofSetting('nbd_unix', thrown)
    if (nbdTcp !== undefined && message.includes(nbdTcp.host)) throw ofSetting('nbd_tcp', thrown)
    throw thrown
  }
}

function nbdOptions({ nbdUnix, nbdTcp }: HostedNode): NbdOptions {
  if (nbdUnix !== undefined) makeFolder(dirname(nbdUnix))
  return {
    ...(nbdUnix === undefined ? {} : { unixPath: nbdUnix }),
    ...(nbdTcp === undefined ? {} : { tcp: nbdTcp }),
  }
}

function remoteBytes({ volumes, clones }: PoolRecords): bigint {
  let bytes = 0n
  for (const { hydratedBytes, hydrationTotalBytes } of volumes) {
    bytes += hydrationTotalBytes - hydratedBytes
  }
  for (const { doneBytes, totalBytes } of clones) bytes += totalBytes - doneBytes
  return bytes
}

// A listener on all addresses is reached by the machine's name.
function advertised({ host, port }: { readonly host: string; readonly port: number }): string {
  return joinHostPort(host === '0.0.0.0' || host === '::' ? hostname() : host, port)
}
