// A hosted region: catalog, chunk store, engine, and the public API.

import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'

import { Client, credentials } from '@grpc/grpc-js'

import type { Clock } from '../base/clock.js'
import { makeId } from '../base/ids.js'
import type { Logger } from '../base/logger.js'
import { Catalog } from '../catalog/catalog.js'
import { LazyStore } from '../engine/region/lazy-store.js'
import { Region } from '../engine/region/region.js'
import {
  attachmentService,
  copyService,
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
import { type ServedService, SiteServer } from '../service/server.js'
import { snapshotHandlers } from '../service/snapshot-service.js'
import { testHandlers, testServiceDefinition } from '../service/test-service.js'
import { topologyHandlers } from '../service/topology-service.js'
import { Handlers } from '../service/unary.js'
import { volumeHandlers } from '../service/volume-service.js'
import type { NodeConfig, RegionConfig } from './config.js'
import { makeFolder } from './folder.js'

export interface RegionSiteOptions {
  readonly account: string
  readonly config: RegionConfig
  /** All nodes of this region, whoever hosts them. */
  readonly nodes: readonly NodeConfig[]
  readonly native: Binding
  readonly clock: Clock
  readonly log: Logger
  /** Offers the service that blocks the event loop. */
  readonly testHooks: boolean
}

const callGraceMs = 2000
const linkWaitMs = 1000

export class RegionSite {
  readonly #catalog: Catalog
  readonly #store: LazyStore
  readonly #region: Region
  readonly #pulls: PullServer
  readonly #server: SiteServer
  readonly #connections: readonly { close(): void }[]

  private constructor(options: RegionSiteOptions, catalog: Catalog, store: LazyStore) {
    const { config, native, clock, log, account, nodes } = options
    const connected = nodes.map((node) => ({
      name: node.name,
      zone: node.zone,
      control: new ZoneClient({ name: node.name, address: node.listen.target }),
      puller: new PullClient({ native, address: node.listen.target }),
    }))
    const peers = config.peers.map(({ name, number, address: { target: address } }) => ({
      name,
      number,
      address,
      control: new CopyClient({ name, address }),
      puller: new PullClient({ native, address }),
    }))
    const both = [...connected, ...peers]
    this.#connections = both.flatMap(({ control, puller }) => [control, puller])
    this.#catalog = catalog
    this.#store = store
    this.#region = new Region({
      account,
      region: { name: config.name, number: config.number },
      endpoint: config.listen.target,
      nodes: connected,
      peers,
      isReachable: async ({ address }) => await isReachable(address, clock),
      catalog,
      native,
      store,
      clock,
      log,
      newId: () => makeId(config.number),
    })
    this.#pulls = new PullServer({ native, source: this.#region.source, log })
    this.#server = new SiteServer(this.#services(options))
  }

  static async start(options: RegionSiteOptions): Promise<RegionSite> {
    const { config, native } = options
    makeFolder(config.data)
    const catalog = await Catalog.open({
      path: join(config.data, 'catalog.db'),
      region: { name: config.name, number: config.number },
      newUuid: randomUUID,
    })
    const store = new LazyStore({
      native,
      path: join(config.data, 'store'),
      catalogUuid: catalog.uuid,
    })
    try {
      await store.openIfPresent()
      const site = new RegionSite(options, catalog, store)
      await site.#begin(options)
      return site
    } catch (thrown) {
      await store.close()
      await catalog.close()
      throw thrown
    }
  }

  async stop(): Promise<void> {
    this.#server.setServing(false)
    // Ends what waits for nodes, so that calls under way are answered.
    this.#pulls.stop()
    const stopped = this.#region.stop()
    await this.#server.stop(callGraceMs)
    await stopped
    for (const connection of this.#connections) connection.close()
    await this.#store.close()
    await this.#catalog.close()
  }

  // Nodes of the same process are there already; a caller should not find them away.
  async #begin({ config, clock }: RegionSiteOptions): Promise<void> {
    const { socketPath } = config.listen
    if (socketPath !== undefined) makeFolder(dirname(socketPath))
    await this.#server.listen(config.listen)
    await this.#region.start()
    const until = clock.monotonicMs() + linkWaitMs
    const links = [...this.#region.context.links.values()]
    while (links.some(({ state }) => state.kind === 'away') && clock.monotonicMs() < until) {
      await clock.sleep(10)
    }
    this.#server.setServing(true)
  }

  #services({ log, testHooks }: RegionSiteOptions): readonly ServedService[] {
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
        name: 'ashlar.replication.v1.CopyService',
        definition: copyService,
        handlers: copyHandlers(region, handlers),
      },
      {
        name: 'ashlar.replication.v1.ReplicationService',
        definition: pullServiceDefinition,
        handlers: this.#pulls.handlers,
      },
      ...(testHooks
        ? [{ name: undefined, definition: testServiceDefinition, handlers: testHandlers(handlers) }]
        : []),
    ]
  }
}

const reachTimeoutMs = 500

async function isReachable(address: string, clock: Clock): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 })
  try {
    return await new Promise<boolean>((resolve) => {
      const deadline = Number(clock.nowNs() / 1_000_000n) + reachTimeoutMs
      client.waitForReady(deadline, (error) => resolve(error === undefined))
    })
  } finally {
    client.close()
  }
}
