// What a scrape shows of what the sites say, and who may ask for it.

import { pino } from 'pino'
import { expect, test } from 'vitest'

import { Metrics } from '../../../src/daemon/metrics/metrics.js'
import { MetricsServer } from '../../../src/daemon/metrics/metrics-server.js'
import type { NodeMeasures } from '../../../src/daemon/metrics/node-rows.js'
import type { RegionSiteMeasures } from '../../../src/daemon/metrics/region-rows.js'
import type { VolumeTraffic } from '../../../src/native/binding.js'
import { Scrape } from '../../support/prometheus.js'
import { freePort } from '../../support/tools.js'

const log = pino({ level: 'silent' })
const boundsNs = [4_000, 8_000]
const none = { buckets: [0, 0, 0], sumNs: 0 }

const traffic = (volumeId: string): VolumeTraffic => ({
  volumeId,
  queueDepth: 3,
  operations: [
    { operation: 'read', bytes: 4096, failed: 2, durations: { buckets: [1, 5, 2], sumNs: 2e9 } },
    { operation: 'trim', bytes: 0, failed: 0, durations: none },
  ],
})

const nodeMeasures = (...volumes: readonly VolumeTraffic[]): NodeMeasures => ({
  pool: {
    boundsNs,
    volumes,
    commits: { buckets: [0, 1, 0], sumNs: 5_000 },
    checkpoints: none,
    journalBytes: 1024,
    pageCacheHits: 9,
    pageCacheMisses: 1,
    pageCacheBytes: 8192,
    dirtyPageBytes: 4096,
    connections: 2,
    payloadUsedBytes: 7,
    payloadTotalBytes: 70,
  },
  stats: {
    capacityBytes: 1000n,
    freeBytes: 400n,
    mappedBytes: 600n,
    poolId: '',
    openedGeneration: 1n,
    checkpointGeneration: 2n,
    journalUsedBytes: 512n,
    readOnly: true,
    problems: ['a dead tree was put aside'],
    turnedAway: [
      { what: 'no descriptors', count: 2 },
      { what: 'no threads', count: 3 },
    ],
    failures: [],
  },
  receivedBytes: { demand: 10, background: 20 },
  remoteBytes: 30n,
})

const regionMeasures: RegionSiteMeasures = {
  store: {
    packBytes: 100n,
    packs: 1n,
    chunks: 5n,
    nodes: 6n,
    indexBytes: 7n,
    indexMemoryBytes: 8n,
    quarantined: 9n,
    highestGeneration: 1n,
  },
  collectionGeneration: 1,
  catalogGeneration: 2,
  sessions: 3,
  pins: 4,
  problems: [{ code: 'catalog_full', message: 'the disk is full' }],
  pendingSnapshots: 5,
  sealLagMs: 1500,
  collections: { done: 6, failed: 1, freedBytes: 77n, tookMs: 2500 },
  nodes: [
    { name: 'a', isHere: true },
    { name: 'b', isHere: false },
  ],
  receivedFrom: [{ source: 'a', bytes: 88 }],
}

const memory = { arenaBytes: 40, mappedBytes: 30, usedBytes: 20, freeBytes: 10 }

function world(node: () => NodeMeasures) {
  const metrics = new Metrics({ memory: () => memory, log })
  metrics.addNode({ name: 'a', measures: node })
  metrics.addRegion({ name: 'local', measures: async () => await Promise.resolve(regionMeasures) })
  return metrics
}

test('what a node says', async () => {
  const text = await world(() => nodeMeasures(traffic('v'))).scrape()
  const at = new Scrape(text)
  const read = { node: 'a', volume: 'v', operation: 'read' }
  expect(at.value('ashlar_volume_requests_total', read)).toBe(8)
  expect(at.value('ashlar_volume_bytes_total', read)).toBe(4096)
  expect(at.value('ashlar_volume_failed_requests_total', read)).toBe(2)
  expect(at.value('ashlar_volume_queue_depth', { node: 'a', volume: 'v' })).toBe(3)
  expect(at.value('ashlar_pool_free_bytes', { node: 'a' })).toBe(400)
  expect(at.value('ashlar_pool_journal_used_bytes')).toBe(512)
  expect(at.value('ashlar_pool_read_only')).toBe(1)
  expect(at.value('ashlar_pool_problems')).toBe(1)
  expect(at.value('ashlar_pool_page_cache_hits_total')).toBe(9)
  expect(at.value('ashlar_nbd_turned_away_total')).toBe(5)
  expect(at.value('ashlar_hydration_received_bytes_total', { lane: 'background' })).toBe(20)
  expect(at.value('ashlar_hydration_left_bytes')).toBe(30)
  expect(at.value('ashlar_malloc_bytes', { kind: 'free' })).toBe(10)
})

test('what a region says', async () => {
  const at = new Scrape(await world(() => nodeMeasures()).scrape())
  expect(at.value('ashlar_store_bytes', { region: 'local' })).toBe(100)
  expect(at.value('ashlar_store_quarantined_chunks')).toBe(9)
  expect(at.value('ashlar_seal_lag_seconds')).toBe(1.5)
  expect(at.value('ashlar_pending_snapshots')).toBe(5)
  expect(at.value('ashlar_collections_total', { outcome: 'failed' })).toBe(1)
  expect(at.value('ashlar_collection_seconds_total')).toBe(2.5)
  expect(at.value('ashlar_ingest_received_bytes_total', { source: 'a' })).toBe(88)
  expect(at.value('ashlar_node_here', { node: 'b' })).toBe(0)
})

test('buckets add up, from the smallest bound on', async () => {
  const text = await world(() => nodeMeasures(traffic('v'))).scrape()
  const name = 'ashlar_volume_request_seconds'
  const rows = new Scrape(text).rows(`${name}_bucket`, { operation: 'read' })
  expect(rows.map(({ labels, value }) => [labels['le'], value])).toEqual([
    ['0.000004', 1],
    ['0.000008', 6],
    ['+Inf', 8],
  ])
  expect(new Scrape(text).value(`${name}_sum`)).toBe(2)
  expect(new Scrape(text).value(`${name}_count`)).toBe(8)
  expect(text).toContain(`# TYPE ${name} histogram\n`)
  // What never happened has no buckets.
  expect(new Scrape(text).rows(`${name}_bucket`, { operation: 'trim' })).toEqual([])
})

test('a second scrape shows what is so now: no sums of sums, no rows of what is gone', async () => {
  let volumes = [traffic('v'), traffic('w')]
  const metrics = world(() => nodeMeasures(...volumes))
  await metrics.scrape()
  volumes = [traffic('w')]
  const at = new Scrape(await metrics.scrape())
  expect(at.value('ashlar_volume_requests_total', { operation: 'read' })).toBe(8)
  expect(at.samples.filter(({ labels }) => labels['volume'] === 'v')).toEqual([])
  expect(at.value('ashlar_pool_page_cache_hits_total')).toBe(9)
})

test('a site that cannot be read takes nobody along', async () => {
  const metrics = world(() => {
    throw new Error('the pool is closed')
  })
  const at = new Scrape(await metrics.scrape())
  expect(at.value('ashlar_site_up', { site: 'a' })).toBe(0)
  expect(at.value('ashlar_site_up', { site: 'local' })).toBe(1)
  expect(at.rows('ashlar_pool_free_bytes')).toEqual([])
  expect(at.value('ashlar_store_bytes')).toBe(100)
})

test('scrapes at one time ask the sites once', async () => {
  let asked = 0
  const metrics = world(() => {
    asked++
    return nodeMeasures()
  })
  await Promise.all([metrics.scrape(), metrics.scrape(), metrics.scrape()])
  expect(asked).toBe(1)
  await metrics.scrape()
  expect(asked).toBe(2)
})

test('the port answers GET /metrics alone, and is closed at the end', async () => {
  const port = await freePort()
  const at = { host: '127.0.0.1', port }
  const metrics = world(() => nodeMeasures())
  const server = await MetricsServer.start({ at, metrics, log })
  const ask = async (path: string, method: string) =>
    await fetch(`http://127.0.0.1:${port}${path}`, { method })
  const scraped = await ask('/metrics', 'GET')
  expect(scraped.status).toBe(200)
  expect(scraped.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect((await ask('/', 'GET')).status).toBe(404)
  const posted = await ask('/metrics', 'POST')
  expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
  await expect(MetricsServer.start({ at, metrics, log })).rejects.toThrow(
    `metrics: cannot listen at 127.0.0.1:${port}: `,
  )
  await server.stop()
  await expect(ask('/metrics', 'GET')).rejects.toThrow()
})
