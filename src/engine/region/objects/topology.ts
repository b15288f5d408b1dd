// Regions and zones as this region knows them.

import type { Reason } from '../../../catalog/rows.js'
import type { RegionContext } from '../nodes/context.js'
import type { NodeLink } from '../nodes/node-link.js'

export interface PeerRegion {
  readonly name: string
  readonly number: number | undefined
  /** Where this region reaches it. */
  readonly address: string
  /** Of its public API, as callers are told. */
  readonly endpoint: string
}

export interface RegionView {
  readonly name: string
  readonly number: number
  readonly endpoint: string
  readonly local: boolean
  readonly account: string
  readonly available: boolean
}

export interface ZoneView {
  readonly name: string
  readonly region: string
  readonly status: 'available' | 'impaired' | 'unavailable'
  readonly nodes: number
  readonly nodesAvailable: number
  readonly capacityBytes: bigint
  readonly freeBytes: bigint
  readonly volumes: number
  readonly reasons: readonly Reason[]
}

export interface TopologyOptions {
  readonly context: RegionContext
  /** The public address of this region. */
  readonly endpoint: string
  readonly peers: readonly PeerRegion[]
  /** Whether a peer answers now. */
  readonly isReachable: (peer: PeerRegion) => Promise<boolean>
}

export class Topology {
  readonly #options: TopologyOptions

  constructor(options: TopologyOptions) {
    this.#options = options
  }

  /** This one first, then its peers by name. */
  async regions(name: string): Promise<readonly RegionView[]> {
    const { context, endpoint, peers, isReachable } = this.#options
    const own: RegionView = {
      ...context.region,
      endpoint,
      local: true,
      account: context.account,
      available: true,
    }
    const others = await Promise.all(
      peers
        .filter((peer) => name === '' || peer.name === name)
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map(async (peer) => ({
          name: peer.name,
          number: peer.number ?? 0,
          endpoint: peer.endpoint,
          local: false,
          account: '',
          available: await isReachable(peer),
        })),
    )
    return [own, ...others].filter((region) => name === '' || region.name === name)
  }

  async zones(name: string): Promise<readonly ZoneView[]> {
    const { context } = this.#options
    const counts = await context.catalog.read.volumes.countByZone()
    const pools = await context.catalog.read.pools.all()
    const known = new Map(pools.map(({ node, reason }) => [node, reason]))
    const byZone = new Map<string, NodeLink[]>()
    for (const link of context.links.values()) {
      if (name !== '' && link.zone !== name) continue
      byZone.set(link.zone, [...(byZone.get(link.zone) ?? []), link])
    }
    return [...byZone]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([zone, links]) => ({
        ...zoneView(zone, links, reasonsOf(links, known)),
        region: context.region.name,
        volumes: counts.get(zone) ?? 0,
      }))
  }
}

function reasonsOf(
  links: readonly NodeLink[],
  pools: ReadonlyMap<string, Reason | undefined>,
): readonly Reason[] {
  return links.flatMap(({ name, state }) => {
    const pool = pools.get(name)
    const reasons = pool === undefined ? [] : [pool]
    if (state.kind === 'away' || !state.records.node.readOnly) return reasons
    const message = `the pool of node ${name} is read-only after a failed write: restart the node`
    return [...reasons, { code: 'pool_read_only', message }]
  })
}

function zoneView(
  name: string,
  links: readonly NodeLink[],
  reasons: readonly Reason[],
): Omit<ZoneView, 'region' | 'volumes'> {
  const here = links.flatMap(({ state }) => (state.kind === 'here' ? [state.records.node] : []))
  const whole = here.length === links.length && reasons.length === 0
  return {
    name,
    status: here.length === 0 ? 'unavailable' : whole ? 'available' : 'impaired',
    nodes: links.length,
    nodesAvailable: here.length,
    capacityBytes: here.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0n),
    freeBytes: here.reduce((sum, { freeBytes }) => sum + freeBytes, 0n),
    reasons,
  }
}
