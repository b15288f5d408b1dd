// Ashlar as it is measured: a zone node and its region as two processes, over gRPC on Unix sockets, as
// two machines would be.

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

import { Client } from '../../src/client/client.js'
import { NbdClient } from '../nbd-client.js'
import { cpuSeconds } from '../process.js'
import { type Change, blockBytes } from './image.js'
import type { Round, Step, Subject } from './peers.js'

const main = resolve(import.meta.dirname, '..', '..', 'bin', 'ashlard.js')
const cli = resolve(import.meta.dirname, '..', '..', 'bin', 'ashlar.js')

/** One configuration of a region and the nodes of its zones, each a process. */
export class Site {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(config: string): Promise<Site> {
    const child = spawn(process.execPath, [main, '--config', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((done, failed) => {
      child.stdout.once('data', () => done())
      child.once('exit', (code) => failed(new Error(`ashlard ended with ${code}`)))
    })
    return new Site(child)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done))
    this.#child.kill('SIGTERM')
    await ended
  }
}

const underWay: ReadonlySet<string> = new Set([
  'LIFECYCLE_STATE_PENDING',
  'LIFECYCLE_STATE_WAITING',
])

export interface WorldOptions {
  readonly folder: string
  readonly sockets: string
  /** Of the region. */
  readonly name?: string
  readonly number?: number
  readonly zones?: readonly string[]
  readonly peers?: readonly { readonly name: string; readonly number: number }[]
}

const endpointOf = (sockets: string, region: string) => `unix:${join(sockets, region)}`

export class Ashlar {
  readonly client: Client
  readonly endpoint: string
  readonly storeFolder: string
  readonly #sites: readonly Site[]

  private constructor(sites: readonly Site[], endpoint: string, storeFolder: string) {
    this.#sites = sites
    this.endpoint = endpoint
    this.storeFolder = storeFolder
    this.client = new Client(endpoint)
  }

  /** Sockets lie in `sockets`, whose path is short. */
  static async start(options: WorldOptions): Promise<Ashlar> {
    const {
      folder,
      sockets,
      name = 'bench',
      number = 1,
      zones = [`${name}-1`],
      peers = [],
    } = options
    mkdirSync(folder, { recursive: true })
    const endpoint = endpointOf(sockets, name)
    const node = (zone: string) =>
      `[[node]]\nname = "${zone}"\nzone = "${zone}"\nregion = "${name}"\nlisten = "unix:${join(sockets, zone)}"\n`
    const hosted = (zone: string) =>
      `region_address = "${endpoint}"\ndata = "${zone}"\npool_capacity = "24GiB"\nnbd_unix = "${join(sockets, `${zone}.nbd`)}"\n`
    const links = peers.map(
      (peer) =>
        `{ name = "${peer.name}", number = ${peer.number}, address = "${endpointOf(sockets, peer.name)}" }`,
    )
    const region = `[[region]]\nname = "${name}"\nnumber = ${number}\ndata = "region"\nlisten = "${endpoint}"\npeers = [${links.join(', ')}]\n`
    const sites: Site[] = []
    for (const zone of zones) {
      const config = join(folder, `${zone}.toml`)
      writeFileSync(config, node(zone) + hosted(zone))
      sites.push(await Site.start(config))
    }
    const config = join(folder, 'region.toml')
    writeFileSync(config, region + zones.map(node).join(''))
    sites.push(await Site.start(config))
    return new Ashlar(sites, endpoint, join(folder, 'region', 'store'))
  }

  get pids(): readonly number[] {
    return this.#sites.map(({ pid }) => pid)
  }

  async stop(): Promise<void> {
    this.client.close()
    for (const site of [...this.#sites].reverse()) await site.stop()
  }

  /** The URI of a new volume. */
  async volume(name: string, zone: string, bytes: number): Promise<string> {
    await this.client.volumes.createVolume({ name, zone, capacityBytes: String(bytes) }, {})
    return await this.attach(name)
  }

  async attach(volume: string): Promise<string> {
    const request = { volume, host: 'bench', readOnly: false }
    return (await this.client.attachments.createAttachment(request, {})).nbdUnixUri
  }

  /** From the call until the snapshot is stable. */
  async snapshot(sourceVolume: string, name: string): Promise<Step> {
    for (const pid of this.pids) writeFileSync(`/proc/${pid}/clear_refs`, '5') // VmHWM anew
    const cpu = this.#cpuSeconds()
    const before = packBytes(this.storeFolder)
    const begun = performance.now()
    const { id } = await this.client.snapshots.createSnapshot({ sourceVolume, name }, {})
    const stable = await this.stable(id)
    const seconds = (performance.now() - begun) / 1000
    return {
      seconds,
      cpuSeconds: this.#cpuSeconds() - cpu,
      peakBytes: this.pids.reduce((sum, pid) => sum + peakBytes(pid), 0),
      sentBytes: Number(stable.transferredBytes),
      storedBytes: packBytes(this.storeFolder) - before,
    }
  }

  /** Asked for as often as makes no more than 3 % of difference: an answer costs CPU too. */
  async stable(snapshot: string) {
    const begun = performance.now()
    for (;;) {
      const now = await this.client.snapshots.getSnapshot({ snapshot }, {})
      if (now.lifecycleState === 'LIFECYCLE_STATE_STABLE') return now
      if (!underWay.has(now.lifecycleState))
        throw new Error(`snapshot ${now.name}: ${JSON.stringify(now.lifecycleReasons)}`)
      await sleep(Math.max(2, (performance.now() - begun) * 0.03))
    }
  }

  #cpuSeconds(): number {
    return this.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0)
  }
}

function peakBytes(pid: number): number {
  return (
    Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  )
}

/** The region keeps chunks, nodes and records in packs; the index beside them is counted too. */
function packBytes(folder: string): number {
  try {
    return Number(execFileSync('du', ['-s', '-B1', folder], { encoding: 'utf8' }).split('\t')[0])
  } catch {
    return 0 // it is made when it is first needed
  }
}

export async function writeImage(uri: string, image: string): Promise<void> {
  execFileSync('nbdcopy', ['--flush', image, uri])
  execFileSync('sync')
}

export async function writeChanges(uri: string, changes: readonly Change[]): Promise<void> {
  const host = await NbdClient.connect(uri)
  for (const { block, data } of changes) await host.write(block * blockBytes, data)
  await host.flush()
  host.close()
}

/** Everything through the page cache once, as with the peers. */
export const warmVolume = (uri: string): void => void execFileSync('nbdcopy', [uri, 'null:'])

/** One round: an empty store, a full snapshot, 1 % changed, an incremental one; both are verified. */
export async function round(folder: string, sockets: string, subject: Subject): Promise<Round> {
  const { image, changes, bytes } = subject
  const world = await Ashlar.start({ folder, sockets })
  try {
    const uri = await world.volume('work', 'bench-1', bytes)
    await writeImage(uri, image)
    warmVolume(uri)
    const full = await world.snapshot('work', 'full')
    await writeChanges(uri, changes)
    warmVolume(uri)
    const incremental = await world.snapshot('work', 'incremental')
    verify(world, image, 'full')
    return { full, incremental }
  } finally {
    await world.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Throws when the snapshot's root is not the image's. */
export function verify({ endpoint }: Ashlar, image: string, snapshot: string): void {
  const env = { ...process.env, ASHLAR_ENDPOINT: endpoint }
  execFileSync(process.execPath, [cli, 'verify', image, '--snapshot', snapshot, '-q'], { env })
}
