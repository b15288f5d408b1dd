// ashlar.v1.TopologyService.

import type { ZoneView } from '../engine/region/objects/topology.js'
import type { Region } from '../engine/region/region.js'
import type { TopologyServiceHandlers } from '../gen/ashlar/v1/TopologyService.js'
import type { ZoneStatus } from '../gen/ashlar/v1/ZoneStatus.js'
import type { Handlers } from './unary.js'

export function topologyHandlers({ topology }: Region, handlers: Handlers) {
  return {
    ListRegions: handlers.unary(async ({ name }) => {
      const regions = await topology.regions(name)
      return {
        regions: regions.map(({ available, ...region }) => ({
          ...region,
          status: available
            ? ('REGION_STATUS_AVAILABLE' as const)
            : ('REGION_STATUS_UNAVAILABLE' as const),
        })),
      }
    }),
    ListZones: handlers.unary(async ({ name }) => {
      const zones = await topology.zones(name)
      return { zones: zones.map(encodeZone) }
    }),
  } satisfies TopologyServiceHandlers
}

const statuses = {
  available: 'ZONE_STATUS_AVAILABLE',
  impaired: 'ZONE_STATUS_IMPAIRED',
  unavailable: 'ZONE_STATUS_UNAVAILABLE',
} as const satisfies Record<ZoneView['status'], ZoneStatus>

function encodeZone(view: ZoneView) {
  const { name, region, nodes, nodesAvailable, volumes } = view
  return {
    name,
    region,
    status: statuses[view.status],
    nodes,
    nodesAvailable,
    poolCapacityBytes: String(view.capacityBytes),
    poolFreeBytes: String(view.freeBytes),
    volumes,
    statusReasons: [...view.reasons],
  }
}
