// How a region's chunk store looks as a table.

import type { StoreStats__Output as StoreStats } from '../gen/ashlar/v1/StoreStats.js'
import { type Detail, formatDetails } from './table.js'
import { reasonsText, size } from './text.js'

export function storeDetails(stats: StoreStats, before: readonly Detail[] = []): string {
  return formatDetails([
    ...before,
    ['Packs', `${stats.packs} (${size(stats.packBytes)})`],
    ['Chunks', stats.chunks],
    ['Tree nodes', stats.nodes],
    ['Index on disk', size(stats.indexBytes)],
    ['Index in memory', size(stats.indexMemoryBytes)],
    ['Quarantined', String(stats.quarantined)],
    ['Sessions', String(stats.sessions)],
    ['Pins', String(stats.pins)],
    ['Catalog generation', stats.catalogGeneration],
    ['Collection generation', stats.collectionGeneration],
    ['Problems', reasonsText(stats.problems)],
  ])
}
