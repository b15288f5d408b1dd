// A region and its zone nodes as operators run them: one process each, over real gRPC and NBD, in a
// folder of their own. Any of them can be killed and started again.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { writeCertificates } from './certificates.js'
import { asksRegion, runHere } from './command.js'
import { type Ran, run } from './tools.js'

const built = resolve(import.meta.dirname, '..', '..', 'build', 'bin')
/** Far above what a daemon takes to come up on a busy machine. */
const startMs = 120_000
/** Arms the failpoints of a program of ours. */
const failpoints = resolve(import.meta.dirname, 'failpoints.mjs')

interface Site {
  readonly config: string
  child: ChildProcess | undefined
  /** The last one that was killed. */
  killed: ChildProcess | undefined
  said: string
}

export interface WorldOptions {
  /** Each has a node of the zone's name as its site. */
  readonly zones: readonly string[]
  /** Zones that have a second node; its site is "<zone>-b". */
  readonly twins?: readonly string[]
  /** Of each pool. */
  readonly poolCapacity: string
  /** Ports of nodes that listen on TCP too, by zone. */
  readonly nbdTcp?: Readonly<Record<string, number>>
  /** Ports of sites that show metrics, by site. */
  readonly metrics?: Readonly<Record<string, number>>
  /** The sites talk TLS, with certificates in `world.tls`. */
  readonly tls?: boolean
  /** Sites reach each other at sockets where a test has to put wires (`wires.ts`). */
  readonly wired?: boolean
  /** Daemons can be made to die at their failpoints. */
  readonly failpoints?: boolean
  /** More keys of the region, as lines of TOML. */
  readonly regionKeys?: string
  /** More keys of each node. */
  readonly nodeKeys?: string
  /** Default: region `local`, number 1. */
  readonly region?: { readonly name: string; readonly number: number }
  /** An empty folder whose name others have to know beforehand. */
  readonly folder?: string
  readonly peers?: readonly {
    readonly name: string
    readonly number: number
    readonly address: string
  }[]
}

export class World {
  readonly folder: string
  readonly regionName: string
  readonly endpoint: string
  /** Where nodes and peers reach the region. */
  readonly siteEndpoint: string
  /** Certificates, named by site: `<site>.pem`, `<site>.key`, `ca.pem`. */
  readonly tls: string
  readonly #sites = new Map<string, Site>()
  readonly #failpoints: boolean
  readonly #metrics: Readonly<Record<string, number>>

  private constructor(options: WorldOptions) {
    this.folder = options.folder ?? World.makeFolder()
    this.#failpoints = options.failpoints === true
    this.#metrics = options.metrics ?? {}
    this.endpoint = World.endpointIn(this.folder)
    this.tls = join(this.folder, 'tls')
    const { name: regionName, number } = options.region ?? { name: 'local', number: 1 }
    this.regionName = regionName
    const twins = (options.twins ?? []).map((zone) => `${zone}-b`)
    const nodes = [...options.zones, ...twins]
    const node = (site: string, socket = `${site}.sock`) => {
      const zone = site.replace(/-b$/, '')
      const name = World.#nameOf(site)
      return `[[node]]\nname = "${name}"\nzone = "${zone}"\nregion = "${regionName}"\nlisten = "unix:${this.folder}/${socket}"\n`
    }
    const wired = options.wired === true
    const peers = (options.peers ?? []).map(
      ({ name, number, address }) =>
        `{ name = "${name}", number = ${number}, address = "${address}" }`,
    )
    this.siteEndpoint = options.tls === true ? `unix:${this.folder}/sites.sock` : this.endpoint
    const tls = (name: string) =>
      `tls = { ca = "tls/ca.pem", cert = "tls/${name}.pem", key = "tls/${name}.key" }`
    const secured =
      options.tls === true ? `site_listen = "${this.siteEndpoint}"\n${tls(regionName)}\n` : ''
    const region = `[[region]]\nname = "${regionName}"\nnumber = ${number}\ndata = "region"\nlisten = "${this.endpoint}"\n${secured}${options.regionKeys ?? ''}peers = [${peers.join(', ')}]\n`
    const named = nodes.map((site) => node(site, wired ? World.wireTo(site) : undefined))
    this.#add('region', region + named.join(''))
    for (const site of nodes) {
      const hosted = [
        `region_address = "${wired ? `unix:${this.folder}/${World.wireFrom(site)}` : this.siteEndpoint}"`,
        `data = "${site}"`,
        `pool_capacity = "${options.poolCapacity}"`,
        `nbd_unix = "${this.folder}/${site}.nbd"`,
      ]
      const port = options.nbdTcp?.[site]
      if (port !== undefined) hosted.push(`nbd_tcp = "127.0.0.1:${port}"`)
      if (options.tls === true) hosted.push(tls(World.#nameOf(site)))
      this.#add(site, `${node(site)}${hosted.join('\n')}\n${options.nodeKeys ?? ''}`)
    }
  }

  static makeFolder(): string {
    return mkdtempSync(join(tmpdir(), 'ashw-'))
  }

  static endpointIn(folder: string): string {
    return `unix:${join(folder, 'region.sock')}`
  }

  /** Where the region of a wired world calls this node; in the world's folder. */
  static wireTo(site: string): string {
    return `to-${site}.wire`
  }

  /** Where this node calls its region. */
  static wireFrom(site: string): string {
    return `from-${site}.wire`
  }

  static #nameOf(site: string): string {
    return site.endsWith('-b') ? site : `${site}-a`
  }

  #add(name: string, config: string): void {
    const file = join(this.folder, `${name}.toml`)
    const port = this.#metrics[name]
    const metrics = port === undefined ? '' : `metrics = "127.0.0.1:${port}"\n`
    writeFileSync(file, metrics + config)
    this.#sites.set(name, { config: file, child: undefined, killed: undefined, said: '' })
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options)
    if (options.tls === true) {
      const peers = (options.peers ?? []).map(({ name }) => name)
      const nodes = world.nodes.map((site) => World.#nameOf(site))
      await writeCertificates(world.tls, [options.region?.name ?? 'local', ...nodes, ...peers])
    }
    await Promise.all(world.nodes.map(async (site) => await world.start(site)))
    await world.start('region')
    return world
  }

  /** Sites of all nodes. */
  get nodes(): readonly string[] {
    return [...this.#sites.keys()].filter((name) => name !== 'region')
  }

  #site(name: string): Site {
    const site = this.#sites.get(name)
    if (site === undefined) throw new Error(`no site ${name}`)
    return site
  }

  /** What the configuration of a node says from now on. Answers what it said. */
  setPoolCapacity(name: string, capacity: string): string {
    const { config } = this.#site(name)
    const text = readFileSync(config, 'utf8')
    const [line = '', before = ''] = /pool_capacity = "(.*)"/.exec(text) ?? []
    writeFileSync(config, text.replace(line, `pool_capacity = "${capacity}"`))
    return before
  }

  /** Settles when the daemon has said that it is up. */
  async start(name: string): Promise<void> {
    const site = this.#site(name)
    const main = join(built, 'ashlard.js')
    const hook = this.#failpoints ? ['--import', failpoints] : []
    const child = spawn(process.execPath, [...hook, main, '--config', site.config], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#failpoints
        ? { ...process.env, ASHLAR_FAILPOINTS: this.#orders(name) }
        : process.env,
    })
    site.child = child
    await new Promise<void>((done, failed) => {
      const hangs = () => failed(new Error(`${name} does not come up: ${site.said.slice(-4000)}`))
      const timer = setTimeout(hangs, startMs)
      const settled = () => clearTimeout(timer)
      child.stdout.once('data', () => done())
      child.stdout.once('data', settled)
      child.once('exit', settled)
      child.stderr.on('data', (chunk: Buffer) => {
        site.said += chunk.toString()
      })
      child.once('exit', (code, signal) => {
        // Who kills one that is starting starts it again.
        if (site.killed === child || (this.#failpoints && signal === 'SIGKILL')) done()
        else failed(new Error(`${name} ended with ${code}: ${site.said}`))
      })
    })
  }

  /** Of the daemon that runs now. */
  pid(name: string): number {
    const pid = this.#site(name).child?.pid
    if (pid === undefined) throw new Error(`${name} does not run`)
    return pid
  }

  async signal(name: string, signal: NodeJS.Signals): Promise<void> {
    const site = this.#site(name)
    const { child } = site
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    if (signal === 'SIGKILL') site.killed = child
    child.kill(signal)
    await ended
  }

  /** A site, or `command`, dies at the n-th passage of the failpoint from now on, also before it is up. */
  arm(name: string, failpoint: string, passage: number): void {
    const fresh = `${this.#orders(name)}.new`
    writeFileSync(fresh, JSON.stringify({ name: failpoint, passage }))
    renameSync(fresh, this.#orders(name))
  }

  disarm(name: string): void {
    rmSync(this.#orders(name), { force: true })
  }

  #orders(name: string): string {
    return join(this.folder, `${name}.failpoint`)
  }

  /** Whether the daemon has ended. */
  isDead(name: string): boolean {
    const { child } = this.#site(name)
    return child === undefined || child.exitCode !== null || child.signalCode !== null
  }

  async killAndRestart(name: string): Promise<void> {
    const site = this.#site(name)
    const { child } = site
    await this.signal(name, 'SIGKILL')
    // Of several who kill the same one, the first starts it again.
    if (site.child === child) await this.start(name)
  }

  /** A daemon that hangs: it holds its sockets and answers nothing. */
  freeze(name: string): void {
    this.#site(name).child?.kill('SIGSTOP')
  }

  thaw(name: string): void {
    this.#site(name).child?.kill('SIGCONT')
  }

  /** It reads its certificates again, some time. */
  hangUp(name: string): void {
    this.#site(name).child?.kill('SIGHUP')
  }

  /** gRPC of a node, as its region calls it. */
  zoneEndpoint(site: string): string {
    return `unix:${join(this.folder, `${site}.sock`)}`
  }

  /** What its daemon wrote to stderr. */
  said(name: string): string {
    return this.#site(name).said
  }

  async ashlar(args: readonly string[], timeoutMs = 300_000): Promise<Ran> {
    if (!this.#failpoints && asksRegion(args)) {
      return await runHere([...args, '-q'], this.endpoint, timeoutMs)
    }
    const program = [join(built, 'ashlar.js'), ...args, '-q']
    const env = [`ASHLAR_ENDPOINT=${this.endpoint}`, ...this.#hookOfCommands()]
    const command = ['env', ...env, process.execPath, ...program]
    return await run(command[0] ?? '', command.slice(1), timeoutMs)
  }

  // What a command runs beside itself takes it over.
  #hookOfCommands(): readonly string[] {
    if (!this.#failpoints) return []
    return [`NODE_OPTIONS=--import=${failpoints}`, `ASHLAR_FAILPOINTS=${this.#orders('command')}`]
  }

  /** What a successful command printed. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ashlar(args)
    if (code === 0) return stdout.trim()
    throw new Error(
      `ashlar ${args.join(' ')} → ${code}\n${stdout}\n${stderr}\n${this.#complaints()}`,
    )
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.must(...args, '--output', 'json')) as T
  }

  /** Asks again until it holds; daemons that are just being restarted do not answer. */
  async until(what: string, holds: () => Promise<boolean>, timeoutMs = 300_000): Promise<void> {
    const since = process.hrtime.bigint()
    let last = ''
    let pauseMs = 10
    while (process.hrtime.bigint() - since < BigInt(timeoutMs) * 1_000_000n) {
      try {
        if (await holds()) return
      } catch (thrown) {
        last = thrown instanceof Error ? thrown.message : String(thrown)
      }
      await sleep(pauseMs)
      pauseMs = Math.min(2 * pauseMs, 200)
    }
    throw new Error(`not in ${timeoutMs} ms: ${what}\n${last}\n${this.#complaints()}`)
  }

  #complaints(): string {
    return [...this.#sites]
      .map(([name, { said }]) => `--- ${name}\n${said.slice(-2000)}`)
      .join('\n')
  }

  async remove(): Promise<void> {
    for (const name of this.#sites.keys()) await this.signal(name, 'SIGKILL')
    // ASHLAR_KEEP: for somebody who wants to know what happened.
    if (process.env['ASHLAR_KEEP'] !== undefined) {
      for (const [name, { said }] of this.#sites) writeFileSync(`${this.folder}/${name}.log`, said)
      process.stderr.write(`kept: ${this.folder}\n`)
      return
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
