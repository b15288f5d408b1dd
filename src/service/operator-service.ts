// ashlar.v1.OperatorService.

import { invalidArgument } from '../base/error.js'
import { isName } from '../base/names.js'
import type { Region } from '../engine/region/region.js'
import type { StoreView } from '../engine/region/upkeep/operator.js'
import type { OperatorServiceHandlers } from '../gen/ashlar/v1/OperatorService.js'
import type { StoreStats } from '../gen/ashlar/v1/StoreStats.js'
import { encodePoolGrowth, encodeReasons } from './encode.js'
import type { Handlers } from './unary.js'

export function operatorHandlers({ operator }: Region, handlers: Handlers) {
  return {
    GetStoreStats: handlers.unary(async () => encodeStats(await operator.stats())),
    CollectStore: handlers.unary(async () => {
      const collection = await operator.collect()
      return {
        generation: String(collection.generation),
        freedBytes: String(collection.freedBytes),
        packsDeleted: Number(collection.packsDeleted),
        packsRewritten: Number(collection.packsRewritten),
        chunksDropped: String(collection.chunksDropped),
        after: encodeStats(await operator.stats()),
      }
    }),
    ForgetZone: handlers.unary(async ({ zone }) => {
      if (!isName(zone)) throw invalidArgument('zone', 'zone is required: the name of a zone')
      return await operator.forgetZone(zone)
    }),
    GrowPool: handlers.unary(async ({ node }, { signal }) => {
      if (!isName(node)) throw invalidArgument('node', 'node is required: the name of a node')
      return encodePoolGrowth(await operator.growPool(node, signal))
    }),
  } satisfies OperatorServiceHandlers
}

function encodeStats({ store, problems, ...view }: StoreView): StoreStats {
  return {
    packs: Number(store.packs),
    packBytes: String(store.packBytes),
    chunks: String(store.chunks),
    nodes: String(store.nodes),
    indexBytes: String(store.indexBytes),
    indexMemoryBytes: String(store.indexMemoryBytes),
    quarantined: Number(store.quarantined),
    collectionGeneration: String(view.collectionGeneration),
    catalogGeneration: String(view.catalogGeneration),
    sessions: view.sessions,
    pins: view.pins,
    problems: encodeReasons(problems),
  }
}
