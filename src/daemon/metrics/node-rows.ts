// The rows of one zone node.

import type { PoolMeasures, PoolStats, VolumeTraffic } from '../../native/binding.js'
import type { Families } from './families.js'

export interface NodeMeasures {
  readonly pool: PoolMeasures
  readonly stats: PoolStats
  readonly receivedBytes: { readonly demand: number; readonly background: number }
  /** Of volumes and clones, what is still remote. */
  readonly remoteBytes: bigint
}

export function showNode(families: Families, node: string, measures: NodeMeasures): void {
  const { pool, stats } = measures
  for (const volume of pool.volumes) showVolume(families, node, volume, pool.boundsNs)
  showPool(families, node, pool)
  families.capacity.set({ node }, Number(stats.capacityBytes))
  families.free.set({ node }, Number(stats.freeBytes))
  families.mapped.set({ node }, Number(stats.mappedBytes))
  families.readOnly.set({ node }, stats.readOnly ? 1 : 0)
  families.asides.set({ node }, stats.problems.length)
  families.journalUsed.set({ node }, Number(stats.journalUsedBytes))
  const turnedAway = stats.turnedAway.reduce((sum, { count }) => sum + count, 0)
  families.turnedAway.inc({ node }, turnedAway)
  families.hydrationLeft.set({ node }, Number(measures.remoteBytes))
  for (const lane of ['demand', 'background'] as const) {
    families.hydrated.inc({ node, lane }, measures.receivedBytes[lane])
  }
}

function showPool(families: Families, node: string, pool: PoolMeasures): void {
  families.journal.set({ node }, pool.journalBytes)
  families.commits.show({ node }, pool.commits, pool.boundsNs)
  families.checkpoints.show({ node }, pool.checkpoints, pool.boundsNs)
  families.pageCache.set({ node }, pool.pageCacheBytes)
  families.dirtyPages.set({ node }, pool.dirtyPageBytes)
  families.cacheHits.inc({ node }, pool.pageCacheHits)
  families.cacheMisses.inc({ node }, pool.pageCacheMisses)
  families.connections.set({ node }, pool.connections)
  families.payloads.set({ node, kind: 'used' }, pool.payloadUsedBytes)
  families.payloads.set({ node, kind: 'bound' }, pool.payloadTotalBytes)
}

function showVolume(
  families: Families,
  node: string,
  { volumeId: volume, queueDepth, operations }: VolumeTraffic,
  boundsNs: readonly number[],
): void {
  families.volumeQueue.set({ node, volume }, queueDepth)
  for (const { operation, bytes, failed, durations } of operations) {
    const labels = { node, volume, operation }
    const requests = durations.buckets.reduce((sum, times) => sum + times, 0)
    families.volumeRequests.inc(labels, requests)
    families.volumeBytes.inc(labels, bytes)
    families.volumeFailures.inc(labels, failed)
    // 27 rows, for what many volumes never see.
    if (requests > 0) families.volumeDurations.show(labels, durations, boundsNs)
  }
}
