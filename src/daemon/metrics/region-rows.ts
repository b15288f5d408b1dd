// The rows of one region.

import type { RegionMeasures } from '../../engine/region/upkeep/measures.js'
import type { Families } from './families.js'

export interface RegionSiteMeasures extends RegionMeasures {
  /** Of nodes and other regions. */
  readonly receivedFrom: readonly { readonly source: string; readonly bytes: number }[]
}

export function showRegion(families: Families, region: string, measures: RegionSiteMeasures): void {
  showStore(families, region, measures)
  families.pending.set({ region }, measures.pendingSnapshots)
  families.sealLag.set({ region }, measures.sealLagMs / 1000)
  families.sessions.set({ region }, measures.sessions)
  families.pins.set({ region }, measures.pins)
  families.problems.set({ region }, measures.problems.length)
  for (const { source, bytes } of measures.receivedFrom) {
    families.received.inc({ region, source }, bytes)
  }
  for (const { name, isHere } of measures.nodes) {
    families.nodeHere.set({ region, node: name }, isHere ? 1 : 0)
  }
}

function showStore(
  families: Families,
  region: string,
  { store, collections }: RegionSiteMeasures,
): void {
  families.storeBytes.set({ region }, Number(store.packBytes))
  families.storeChunks.set({ region }, Number(store.chunks))
  families.storeIndex.set({ region }, Number(store.indexBytes))
  families.storeIndexMemory.set({ region }, Number(store.indexMemoryBytes))
  families.storeQuarantined.set({ region }, Number(store.quarantined))
  families.collections.inc({ region, outcome: 'done' }, collections.done)
  families.collections.inc({ region, outcome: 'failed' }, collections.failed)
  families.collectionSeconds.inc({ region }, collections.tookMs / 1000)
  families.collectedBytes.inc({ region }, Number(collections.freedBytes))
}
