// The metrics of real daemons under real traffic: what was done is what they say, what is gone has no
// rows, and the port is open for GET /metrics as long as the daemon runs.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { Scrape } from '../support/prometheus.js'
import { freePort, must } from '../support/tools.js'
import { World } from '../support/world.js'

const sites = ['region', 'local-1', 'local-2'] as const
type Site = (typeof sites)[number]
const MiB = 1 << 20
const dataMiB = 4

let world: World
let ports: Record<Site, number>
let uri: string
let volume: string

const scrape = async (site: Site) => await Scrape.of(ports[site])
const of = (operation: string) => ({ node: 'local-1-a', volume, operation })
const io = async (target: string, ...commands: readonly string[]) =>
  await must('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), target])

beforeAll(async () => {
  const [region, first, second] = [await freePort(), await freePort(), await freePort()]
  ports = { region, 'local-1': first, 'local-2': second }
  world = await World.start({
    zones: ['local-1', 'local-2'],
    poolCapacity: '256MiB',
    metrics: ports,
  })
  await world.must('volume-create', '--name', 'v', '--zone', 'local-1', '--size', '16MiB')
  volume = (await world.json<{ readonly id: string }>('volume', 'v')).id
  uri = await world.must('attach', 'v')
}, 240_000)
afterAll(async () => await world?.remove())

test('what a host does is counted, and nothing else', async () => {
  expect((await scrape('local-1')).rows('ashlar_volume_requests_total')).toEqual([])
  await io(uri, 'write -P 1 0 1M', 'write -P 2 2M 64k', 'discard 0 1M', 'write -z 3M 128k', 'flush')
  const written = await scrape('local-1')
  expect(written.value('ashlar_volume_bytes_total', of('write'))).toBe(MiB + (64 << 10))
  expect(written.value('ashlar_volume_bytes_total', of('trim'))).toBe(MiB)
  expect(written.value('ashlar_volume_bytes_total', of('zero'))).toBe(128 << 10)
  expect(written.value('ashlar_volume_requests_total', of('write'))).toBeGreaterThanOrEqual(2)
  expect(written.value('ashlar_volume_requests_total', of('flush'))).toBeGreaterThanOrEqual(1)
  expect(written.value('ashlar_volume_failed_requests_total', { volume })).toBe(0)

  await io(uri, 'read -P 2 2M 64k')
  const read = await scrape('local-1')
  const bytes = (at: Scrape) => at.value('ashlar_volume_bytes_total', of('read'))
  expect(bytes(read) - bytes(written)).toBeGreaterThanOrEqual(64 << 10)
  expect(read.value('ashlar_volume_bytes_total', of('write'))).toBe(MiB + (64 << 10))
  expect(read.rows('ashlar_volume_queue_depth', { volume })).toMatchObject([{ value: 0 }])
})

test('each request has its place in the histogram', async () => {
  await io(uri, ...Array.from({ length: 12 }, (_, at) => `write -P 3 ${at}M 4k`))
  const at = await scrape('local-1')
  const requests = at.value('ashlar_volume_requests_total', of('write'))
  expect(at.value('ashlar_volume_request_seconds_count', of('write'))).toBe(requests)
  const buckets = at.rows('ashlar_volume_request_seconds_bucket', of('write'))
  expect(buckets.map(({ value }) => value)).toEqual(
    buckets.map(({ value }) => value).toSorted((a, b) => a - b),
  )
  expect(buckets.at(-1)).toMatchObject({ labels: { le: '+Inf' }, value: requests })
  const sum = at.value('ashlar_volume_request_seconds_sum', of('write'))
  expect(sum).toBeGreaterThan(0)
})

test('the pool says what its journal, its cache and its disk do', async () => {
  const before = await scrape('local-1')
  await io(uri, 'write -P 4 0 1M', 'flush')
  const after = await scrape('local-1')
  const rise = (name: string) => after.value(name) - before.value(name)
  expect(rise('ashlar_pool_commit_seconds_count')).toBeGreaterThanOrEqual(1)
  expect(rise('ashlar_pool_page_cache_hits_total')).toBeGreaterThan(0)
  expect(after.value('ashlar_pool_journal_bytes')).toBeGreaterThan(MiB)
  expect(after.value('ashlar_pool_journal_used_bytes')).toBeLessThan(
    after.value('ashlar_pool_journal_bytes'),
  )
  expect(after.value('ashlar_pool_capacity_bytes')).toBe(256 * MiB)
  expect(after.value('ashlar_pool_free_bytes')).toBeLessThan(256 * MiB)
  expect(after.value('ashlar_pool_mapped_bytes')).toBeGreaterThan(2 * MiB)
  expect(after.value('ashlar_pool_problems')).toBe(0)
})

test('memory, event loop and descriptors are those of the process', async () => {
  const at = await scrape('local-1')
  const arenas = at.value('ashlar_malloc_bytes', { kind: 'arena' })
  expect(at.value('ashlar_malloc_bytes', { kind: 'used' })).toBeLessThanOrEqual(arenas)
  expect(at.value('ashlar_pool_page_cache_bytes')).toBeGreaterThan(0)
  expect(at.value('ashlar_nbd_payload_bytes', { kind: 'bound' })).toBe(256 * MiB)
  expect(at.value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0)
  expect(at.value('process_open_fds')).toBeGreaterThan(3)
})

test('a snapshot shows in the region, and its restore on the other node', async () => {
  const image = join(world.folder, 'image')
  writeFileSync(image, randomBytes(dataMiB * MiB))
  await must('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', image, uri])
  await world.must('snapshot-create', '--volume', 'v', '--name', 's', '--wait')
  const region = await scrape('region')
  const received = region.value('ashlar_ingest_received_bytes_total', { source: 'local-1-a' })
  expect(received).toBeGreaterThan(dataMiB * MiB)
  expect(region.value('ashlar_ingest_received_bytes_total', { source: 'local-2-a' })).toBe(0)
  expect(region.value('ashlar_store_bytes')).toBeGreaterThan(dataMiB * MiB)
  expect(region.value('ashlar_pending_snapshots')).toBe(0)
  expect(region.value('ashlar_seal_lag_seconds')).toBe(0)
  expect(region.value('ashlar_node_here')).toBe(2)
  expect(region.value('ashlar_store_quarantined_chunks')).toBe(0)

  await world.must('volume-create', '--name', 'r', '--zone', 'local-2', '--source-snapshot', 's')
  const restored = await world.must('attach', 'r')
  await io(restored, 'read 0 1M')
  await world.until(
    'all of it is there',
    async () => {
      const at = await scrape('local-2')
      const lanes = at.value('ashlar_hydration_received_bytes_total')
      return lanes > dataMiB * MiB && at.value('ashlar_hydration_left_bytes') === 0
    },
    60_000,
  )
}, 240_000)

test('a collection is counted', async () => {
  await world.must('store-collect')
  const at = await scrape('region')
  expect(at.value('ashlar_collections_total', { outcome: 'done' })).toBe(1)
  expect(at.value('ashlar_collections_total', { outcome: 'failed' })).toBe(0)
})

test('a volume that is deleted has no rows any more', async () => {
  expect((await scrape('local-1')).rows('ashlar_volume_queue_depth', { volume })).toHaveLength(1)
  await world.must('detach', 'v')
  await world.must('volume-delete', 'v', '-f')
  await world.until(
    'its rows are gone',
    async () => {
      return (await scrape('local-1')).samples.every(({ labels }) => labels['volume'] !== volume)
    },
    60_000,
  )
})

test('GET /metrics is all there is', async () => {
  const ask = async (path: string, method = 'GET') =>
    (await fetch(`http://127.0.0.1:${ports.region}${path}`, { method })).status
  expect(await ask('/')).toBe(404)
  expect(await ask('/metrics/x')).toBe(404)
  expect(await ask('/metrics', 'POST')).toBe(405)
  expect(await ask('/metrics', 'HEAD')).toBe(405)
  expect(await ask('/metrics?x=1')).toBe(200)
})

test('a port that somebody has is told with the name of the setting, before there is any data', async () => {
  const config = join(world.folder, 'second.toml')
  const listen = `unix:${world.folder}/second.sock`
  const region = `[[region]]\nname = "second"\nnumber = 2\ndata = "second"\nlisten = "${listen}"\n`
  writeFileSync(config, `metrics = "127.0.0.1:${ports.region}"\n${region}`)
  const program = resolve(import.meta.dirname, '..', '..', 'build', 'bin', 'ashlard.js')
  const child = spawn(process.execPath, [program, '--config', config])
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  expect(await new Promise((done) => child.once('exit', done))).toBe(1)
  expect(said).toMatch(/^ashlard: metrics: cannot listen at 127\.0\.0\.1:\d+: .*EADDRINUSE/)
  expect(existsSync(join(world.folder, 'second'))).toBe(false)
})

test('a daemon that stopped has closed its port, and the region knows that it is away', async () => {
  await world.signal('local-2', 'SIGTERM')
  await expect(scrape('local-2')).rejects.toThrow()
  const isHere = async () =>
    (await scrape('region')).value('ashlar_node_here', { node: 'local-2-a' })
  await world.until('the region has seen it', async () => (await isHere()) === 0, 60_000)
  await world.start('local-2')
  await world.until('it is back', async () => (await isHere()) === 1, 60_000)
  expect((await scrape('local-2')).value('ashlar_site_up')).toBe(1)
})
