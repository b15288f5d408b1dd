// A hosted region: catalog, chunk store, engine, the public API, and what its nodes and peers use.

import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'

import { Client } from '@grpc/grpc-js'

import type { Clock } from '../base/clock.js'
import { asAshlarError } from '../base/error.js'
import { makeId } from '../base/ids.js'
import type { Logger } from '../base/logger.js'
import { RateLimit } from '../base/rate-limit.js'
import { Catalog } from '../catalog/catalog.js'
import { type SiteCredentials, plainCredentials } from '../client/site-credentials.js'
import { LazyStore } from '../engine/region/core/lazy-store.js'
import type { PeerRegion } from '../engine/region/objects/topology.js'
import { Region } from '../engine/region/region.js'
import {
  attachmentService,
  copyService,
  operatorService,
  snapshotService,
  topologyService,
  volumeService,
} from '../gen/proto.js'
import type { Binding } from '../native/binding.js'
import { CopyClient } from '../replication/copy-client.js'
import { PullClient } from '../replication/pull-client.js'
import { pullServiceDefinition } from '../replication/pull-method.js'
import { PullServer } from '../replication/pull-server.js'
import { ZoneClient } from '../replication/zone-client.js'
import { attachmentHandlers } from '../service/attachment-service.js'
import { copyHandlers } from '../service/copy-service.js'
import { operatorHandlers } from '../service/operator-service.js'
import { type ServedService, SiteServer } from '../service/server.js'
import { snapshotHandlers } from '../service/snapshot-service.js'
import { testHandlers, testServiceDefinition } from '../service/test-service.js'
import { topologyHandlers } from '../service/topology-service.js'
import { Handlers } from '../service/unary.js'
import { volumeHandlers } from '../service/volume-service.js'
import type { NodeConfig, RegionConfig } from './config.js'
import { makeFolder } from './folder.js'
import type { RegionSiteMeasures } from './metrics/region-rows.js'
import { forSetting } from './setting.js'

export interface RegionSiteOptions {
  readonly account: string
  readonly config: RegionConfig
  /** All nodes of this region, whoever hosts them. */
  readonly nodes: readonly NodeConfig[]
  /** How this region shows itself to nodes and peers. */
  readonly credentials: SiteCredentials
  readonly native: Binding
  readonly clock: Clock
  readonly log: Logger
  /** Offers the service that blocks the event loop. */
  readonly testHooks: boolean
}

const operatorServiceName = 'ashlar.v1.OperatorService'
const callGraceMs = 2000
/**
 * The store takes the record of a delete only while its index finds 16 MiB free; and the catalog's file
 * grows by at most 4 MiB, what its log holds before SQLite begins it anew.
 */
const reserveBytes = 20 << 20
const linkWaitMs = 1000

export class RegionSite {
  readonly name: string
  readonly #catalog: Catalog
  readonly #store: LazyStore
  readonly #region: Region
  readonly #pulls: PullServer
  readonly #public: SiteServer
  /** Undefined: the public one serves sites too. */
  readonly #sites: SiteServer | undefined
  readonly #connections: readonly { close(): void }[]
  /** By the site at the other end. */
  readonly #pullers: readonly { readonly name: string; readonly puller: PullClient }[]
  #isUp = false

  private constructor(options: RegionSiteOptions, catalog: Catalog, store: LazyStore) {
    const { config, credentials, native, clock, log, account, nodes } = options
    const limit = pullLimit(options)
    const connected = nodes.map(({ name, zone, listen: { target: address } }) => ({
      name,
      zone,
      control: new ZoneClient({ name, address, credentials }),
      puller: new PullClient({ native, address, peer: name, credentials, ...limit }),
    }))
    const peers = config.peers.map(({ name, number, endpoint, address: { target: address } }) => ({
      name,
      number,
      address,
      endpoint,
      control: new CopyClient({ name, address, credentials }),
      puller: new PullClient({ native, address, peer: name, credentials, ...limit }),
    }))
    const both = [...connected, ...peers]
    this.name = config.name
    this.#pullers = both
    this.#connections = both.flatMap(({ control, puller }) => [control, puller])
    this.#catalog = catalog
    this.#store = store
    this.#region = new Region({
      account,
      region: { name: config.name, number: config.number },
      endpoint: config.listen.target,
      nodes: connected,
      peers,
      isReachable: async (peer) => await isReachable(peer, credentials, clock),
      catalog,
      native,
      store,
      clock,
      log,
      newId: () => makeId(config.number),
    })
    this.#pulls = new PullServer({ native, source: this.#region.source, log })
    const api = this.#publicServices(options)
    const between = this.#siteServices(options)
    const apart = config.siteListen !== undefined
    this.#public = new SiteServer(apart ? api : [...api, ...between], log)
    this.#sites = apart ? new SiteServer(between, log) : undefined
  }

  static async start(options: RegionSiteOptions): Promise<RegionSite> {
    const { config, native } = options
    makeFolder(config.data)
    const catalog = await Catalog.open({
      path: join(config.data, 'catalog.db'),
      region: { name: config.name, number: config.number },
      newUuid: randomUUID,
      reserveBytes,
    })
    const store = new LazyStore({
      native,
      path: join(config.data, 'store'),
      catalogUuid: catalog.uuid,
    })
    try {
      await openUnlessFull(store)
      const site = new RegionSite(options, catalog, store)
      await site.#begin(options)
      return site
    } catch (thrown) {
      await store.close()
      await catalog.close()
      throw thrown
    }
  }

  async measures(): Promise<RegionSiteMeasures> {
    const receivedFrom = this.#pullers.map(({ name, puller }) => ({
      source: name,
      bytes: puller.receivedBytes,
    }))
    return { ...(await this.#region.measures.read()), receivedFrom }
  }

  async stop(): Promise<void> {
    this.#isUp = false
    for (const server of this.#servers) server.setServing(false)
    // Ends what waits for nodes, so that calls under way are answered.
    this.#pulls.stop()
    const stopped = this.#region.stop()
    await Promise.all(this.#servers.map(async (server) => await server.stop(callGraceMs)))
    await stopped
    for (const connection of this.#connections) connection.close()
    await this.#store.close()
    await this.#catalog.close()
  }

  // Nodes of the same process are there already; a caller should not find them away.
  async #begin({ config, credentials, clock }: RegionSiteOptions): Promise<void> {
    const { listen, siteListen } = config
    for (const { socketPath } of siteListen === undefined ? [listen] : [listen, siteListen]) {
      if (socketPath !== undefined) makeFolder(dirname(socketPath))
    }
    const openPublic = async () => {
      await forSetting('listen', () => this.#public.listen(listen, plainCredentials.server))
    }
    if (siteListen === undefined) await openPublic()
    else {
      await forSetting('site_listen', async () => {
        await this.#sites?.listen(siteListen, credentials.server)
      })
    }
    await this.#region.recovery.start()
    // Where it is apart, nobody is answered before it is known what the catalog is good for.
    if (siteListen !== undefined) await openPublic()
    await this.#region.start()
    const until = clock.monotonicMs() + linkWaitMs
    const links = [...this.#region.context.links.values()]
    while (links.some(({ state }) => state.kind === 'away') && clock.monotonicMs() < until) {
      await clock.sleep(10)
    }
    for (const server of this.#servers) server.setServing(true)
    this.#isUp = true
    this.#showOperators()
    this.#catalog.room.onChange(() => this.#showOperators())
    void this.#region.recovery.known.then(() => this.#showOperators())
  }

  // While it is only read, somebody has to do something about that.
  #showOperators(): void {
    if (!this.#isUp) return
    const { state } = this.#region.recovery
    const isReadOnly = state === 'behind' || state === 'unknown' || this.#catalog.room.isFull
    this.#public.setServing(!isReadOnly, [operatorServiceName])
  }

  get #servers(): readonly SiteServer[] {
    return this.#sites === undefined ? [this.#public] : [this.#public, this.#sites]
  }

  #siteServices({ log }: RegionSiteOptions): readonly ServedService[] {
    return [
      {
        name: 'ashlar.replication.v1.ReplicationService',
        definition: pullServiceDefinition,
        handlers: this.#pulls.handlers,
      },
      {
        name: 'ashlar.replication.v1.CopyService',
        definition: copyService,
        handlers: copyHandlers(this.#region, new Handlers(log)),
      },
    ]
  }

  #publicServices({ log, testHooks }: RegionSiteOptions): readonly ServedService[] {
    const handlers = new Handlers(log)
    const region = this.#region
    return [
      {
        name: 'ashlar.v1.VolumeService',
        definition: volumeService,
        handlers: volumeHandlers(region, handlers),
      },
      {
        name: 'ashlar.v1.AttachmentService',
        definition: attachmentService,
        handlers: attachmentHandlers(region, handlers),
      },
      {
        name: 'ashlar.v1.SnapshotService',
        definition: snapshotService,
        handlers: snapshotHandlers(region, handlers),
      },
      {
        name: 'ashlar.v1.TopologyService',
        definition: topologyService,
        handlers: topologyHandlers(region, handlers),
      },
      {
        name: operatorServiceName,
        definition: operatorService,
        handlers: operatorHandlers(region, handlers),
      },
      ...(testHooks
        ? [{ name: undefined, definition: testServiceDefinition, handlers: testHandlers(handlers) }]
        : []),
    ]
  }
}

// A store that is wrong or damaged ends the start; one without room is opened when there is some.
async function openUnlessFull(store: LazyStore): Promise<void> {
  try {
    await store.openIfPresent()
  } catch (thrown) {
    if (asAshlarError(thrown).code !== 'NO_SPACE') throw thrown
  }
}

/** One for all pulls into the region. */
function pullLimit({ config, clock }: RegionSiteOptions): { readonly limit?: RateLimit } {
  const bytesPerSecond = config.pullLimitBytesPerSecond
  return bytesPerSecond === undefined ? {} : { limit: new RateLimit({ bytesPerSecond, clock }) }
}

const reachTimeoutMs = 500

async function isReachable(
  { name, address }: PeerRegion,
  credentials: SiteCredentials,
  clock: Clock,
): Promise<boolean> {
  const channel = credentials.channelTo(name)
  const options = { ...channel.options, 'grpc.enable_http_proxy': 0 }
  const client = new Client(address, channel.credentials, options)
  try {
    return await new Promise<boolean>((resolve) => {
      const deadline = Number(clock.nowNs() / 1_000_000n) + reachTimeoutMs
      client.waitForReady(deadline, (error) => resolve(error === undefined))
    })
  } finally {
    client.close()
  }
}
