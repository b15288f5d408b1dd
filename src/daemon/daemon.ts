// All sites of one process. Nodes start before regions, so that a region finds them, and stop after
// them, so that what a region still orders arrives.

import type { Clock } from '../base/clock.js'
import { AshlarError } from '../base/error.js'
import type { Logger } from '../base/logger.js'
import type { Binding } from '../native/binding.js'
import type { Config, HostedNode, NodeConfig } from './config.js'
import type { Metrics } from './metrics/metrics.js'
import type { MetricsServer } from './metrics/metrics-server.js'
import { NodeSite } from './node-site.js'
import { RegionSite } from './region-site.js'
import type { SiteCredentials } from '../client/site-credentials.js'
import { type NamedFiles, renewCredentials, siteCredentials } from './tls-files.js'

export interface DaemonOptions {
  readonly config: Config
  /** Reads the configuration again. */
  readonly reread: () => Config
  readonly native: Binding
  readonly clock: Clock
  readonly log: Logger
  readonly pageCacheBytes: bigint | undefined
  readonly testHooks: boolean
}

interface Site {
  stop(): Promise<void>
}

export class Daemon {
  readonly #nodes: Site[] = []
  readonly #regions: Site[] = []
  #metrics: MetricsServer | undefined
  readonly #credentials = new Map<NamedFiles, SiteCredentials>()
  readonly #clock: Clock
  readonly #log: Logger

  private constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  /** Throws what the first site that cannot start throws, with those that did start stopped again. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { config, native, clock, log, pageCacheBytes, testHooks } = options
    const reread = (name: string) => () => hostedIn(options.reread(), name)
    const hosted = config.nodes.filter(isHosted)
    const daemon = new Daemon(clock, log)
    const credentialsOf = ({ name, tls }: NamedFiles) => daemon.#credentialsOf({ name, tls })
    // Of all sites, before any of them touches its data.
    const ofNodes = new Map(
      hosted.map((node) => [node, credentialsOf({ name: node.name, tls: node.hosted.tls })]),
    )
    const ofRegions = new Map(config.regions.map((region) => [region, credentialsOf(region)]))
    try {
      const metrics = await daemon.#show(options)
      const nodes = [...ofNodes].map(async ([node, credentials]) => {
        const siteLog = log.child({ node: node.name })
        const common = { credentials, native, clock, log: siteLog, pageCacheBytes }
        const site = { ...common, config: node, reread: reread(node.name) }
        const started = await NodeSite.start(site)
        daemon.#nodes.push(started)
        metrics?.addNode(started)
      })
      throwFirst(await Promise.allSettled(nodes))
      const regions = [...ofRegions].map(async ([region, credentials]) => {
        const siteLog = log.child({ region: region.name })
        const own = config.nodes.filter((node) => node.region === region.name)
        const { account } = config
        const common = { account, native, clock, log: siteLog, testHooks }
        const site = { ...common, config: region, nodes: own, credentials }
        const started = await RegionSite.start(site)
        daemon.#regions.push(started)
        metrics?.addRegion(started)
      })
      throwFirst(await Promise.allSettled(regions))
      return daemon
    } catch (thrown) {
      await daemon.stop()
      throw thrown
    }
  }

  /** Certificates and keys are read again. A site whose files are wrong keeps what it has, and says so. */
  renewCertificates(): void {
    for (const [site, credentials] of this.#credentials) {
      if (site.tls === undefined) continue
      try {
        renewCredentials(credentials, site, this.#log, this.#now())
        this.#log.info({ site: site.name }, 'certificates were read again')
      } catch (thrown) {
        this.#log.error({ err: thrown, site: site.name }, 'the certificates stay as they were')
      }
    }
  }

  #credentialsOf(site: NamedFiles): SiteCredentials {
    const credentials = siteCredentials(site, this.#log, this.#now())
    this.#credentials.set(site, credentials)
    return credentials
  }

  #now(): Date {
    return new Date(Number(this.#clock.nowNs() / 1_000_000n))
  }

  // First of all: a port that somebody else has is told before any site touches its data. Loaded where
  // it is wanted: it is a third of the program.
  async #show({ config, native, log }: DaemonOptions): Promise<Metrics | undefined> {
    const at = config.metrics
    if (at === undefined) return undefined
    const { Metrics } = await import('./metrics/metrics.js')
    const { MetricsServer } = await import('./metrics/metrics-server.js')
    const metrics = new Metrics({ memory: () => native.memoryMeasures(), log })
    this.#metrics = await MetricsServer.start({ at, metrics, log })
    return metrics
  }

  async stop(): Promise<void> {
    // A site that has stopped says nothing.
    await this.#metrics?.stop()
    for (const sites of [this.#regions, this.#nodes]) {
      const stopped = await Promise.allSettled(sites.map(async (site) => await site.stop()))
      for (const result of stopped) {
        if (result.status === 'rejected') this.#log.error({ err: result.reason }, 'stopping failed')
      }
    }
  }
}

function isHosted(node: NodeConfig): node is NodeConfig & { readonly hosted: HostedNode } {
  return node.hosted !== undefined
}

function hostedIn({ nodes }: Config, name: string): HostedNode {
  const hosted = nodes.find((node) => node.name === name)?.hosted
  if (hosted !== undefined) return hosted
  throw new AshlarError('FAILED_PRECONDITION', `the configuration has no node ${name} any more`)
}

function throwFirst(results: readonly PromiseSettledResult<void>[]): void {
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
