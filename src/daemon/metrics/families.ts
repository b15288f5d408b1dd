// Every metric that a daemon shows beside those of Node itself: name, meaning, labels. Rows are set
// anew at each scrape, so a volume or node that is gone has none; how many there can be is bounded by
// what exists. The dashboard names them, and docs/operations.md the most of them.

import { Counter, Gauge, type Registry } from 'prom-client'

import { ReadHistogram } from './read-histogram.js'

export type Families = ReturnType<typeof makeFamilies>

export function makeFamilies(registry: Registry) {
  const make = new Maker(registry)
  return {
    siteUp: make.gauge('site_up', 'Whether this daemon could read what its site says.', ['site']),
    memory: make.gauge(
      'malloc_bytes',
      'The allocator of native code: what it took in arenas and in mappings, and what of the arenas is used and free.',
      ['kind'],
    ),
    ...volumeFamilies(make),
    ...poolFamilies(make),
    ...hostFamilies(make),
    ...storeFamilies(make),
    ...regionFamilies(make),
  }
}

/** All of their rows go. */
export function clear(families: Families): void {
  for (const family of Object.values(families)) {
    if (family instanceof ReadHistogram) family.forget()
    else family.reset()
  }
}

class Maker {
  readonly #registers: Registry[]

  constructor(registry: Registry) {
    this.#registers = [registry]
  }

  counter<L extends string>(name: string, help: string, labels: readonly L[]): Counter<L> {
    return new Counter(this.#described(name, help, labels))
  }

  gauge<L extends string>(name: string, help: string, labels: readonly L[]): Gauge<L> {
    return new Gauge(this.#described(name, help, labels))
  }

  histogram<L extends string>(name: string, help: string, labels: readonly L[]): ReadHistogram<L> {
    return new ReadHistogram(this.#described(name, help, labels))
  }

  #described<L extends string>(name: string, help: string, labels: readonly L[]) {
    const registers = this.#registers
    return { name: `ashlar_${name}`, help, labelNames: [...labels], registers }
  }
}

/** Of volumes that a host has used since the daemon started. */
function volumeFamilies(make: Maker) {
  const labels = ['node', 'volume', 'operation'] as const
  return {
    volumeRequests: make.counter('volume_requests_total', 'Requests answered.', labels),
    volumeBytes: make.counter(
      'volume_bytes_total',
      'Bytes read, written, trimmed or zeroed.',
      labels,
    ),
    volumeFailures: make.counter(
      'volume_failed_requests_total',
      'Requests answered with EIO or ENOSPC.',
      labels,
    ),
    volumeDurations: make.histogram(
      'volume_request_seconds',
      'From the look at what was received until the answer goes to the socket.',
      labels,
    ),
    volumeQueue: make.gauge('volume_queue_depth', 'Requests received and not answered.', [
      'node',
      'volume',
    ]),
  }
}

function poolFamilies(make: Maker) {
  const labels = ['node'] as const
  return {
    capacity: make.gauge('pool_capacity_bytes', 'What the pool may grow to.', labels),
    free: make.gauge('pool_free_bytes', 'What writes can still get.', labels),
    mapped: make.gauge('pool_mapped_bytes', 'What volumes, cuts and metadata hold.', labels),
    readOnly: make.gauge('pool_read_only', 'Whether the journal has failed.', labels),
    asides: make.gauge(
      'pool_problems',
      'What it cannot do by itself, such as dead trees put aside.',
      labels,
    ),
    journal: make.gauge('pool_journal_bytes', "The journal's ring.", labels),
    journalUsed: make.gauge('pool_journal_used_bytes', 'Of the ring, until a checkpoint.', labels),
    commits: make.histogram(
      'pool_commit_seconds',
      'Group commits: the journal handed over and one sync of the file.',
      labels,
    ),
    checkpoints: make.histogram('pool_checkpoint_seconds', 'Checkpoints made durable.', labels),
    pageCache: make.gauge('pool_page_cache_bytes', 'Map pages in memory.', labels),
    dirtyPages: make.gauge('pool_dirty_page_bytes', 'Of them, until a checkpoint.', labels),
    cacheHits: make.counter('pool_page_cache_hits_total', 'Map pages found in memory.', labels),
    cacheMisses: make.counter('pool_page_cache_misses_total', 'Map pages read from disk.', labels),
  }
}

function hostFamilies(make: Maker) {
  const labels = ['node'] as const
  return {
    connections: make.gauge('nbd_connections', 'Connections of hosts being served.', labels),
    turnedAway: make.counter(
      'nbd_turned_away_total',
      'Connections that could not be served.',
      labels,
    ),
    payloads: make.gauge(
      'nbd_payload_bytes',
      'Memory of large writes on their way in: used, and the bound.',
      ['node', 'kind'],
    ),
    hydrated: make.counter(
      'hydration_received_bytes_total',
      'Received for restored volumes and clones.',
      ['node', 'lane'],
    ),
    hydrationLeft: make.gauge(
      'hydration_left_bytes',
      'Of restored volumes and clones, what is still remote.',
      labels,
    ),
  }
}

function storeFamilies(make: Maker) {
  const labels = ['region'] as const
  return {
    storeBytes: make.gauge('store_bytes', 'Packs of chunks and nodes.', labels),
    storeChunks: make.gauge('store_chunks', 'Chunks in the index.', labels),
    storeIndex: make.gauge('store_index_bytes', 'The index on disk.', labels),
    storeIndexMemory: make.gauge('store_index_memory_bytes', 'The index in memory.', labels),
    storeQuarantined: make.gauge(
      'store_quarantined_chunks',
      'Damaged, until a fresh copy comes.',
      labels,
    ),
    collections: make.counter('collections_total', 'Collections of the store.', [
      'region',
      'outcome',
    ]),
    collectionSeconds: make.counter(
      'collection_seconds_total',
      'What those that were done took.',
      labels,
    ),
    collectedBytes: make.counter('collected_bytes_total', 'What they freed.', labels),
  }
}

function regionFamilies(make: Maker) {
  const labels = ['region'] as const
  return {
    pending: make.gauge('pending_snapshots', 'Captured and not stable.', labels),
    sealLag: make.gauge('seal_lag_seconds', 'Since the oldest of them was captured.', labels),
    sessions: make.gauge('sessions', 'Jobs that write to the store.', labels),
    pins: make.gauge('pins', 'What the store keeps for nodes and other regions.', labels),
    received: make.counter('ingest_received_bytes_total', 'Received by pulls into the region.', [
      'region',
      'source',
    ]),
    nodeHere: make.gauge('node_here', 'Whether the region hears of the node.', ['region', 'node']),
    problems: make.gauge('region_problems', 'Why nothing is changed or collected.', labels),
  }
}
