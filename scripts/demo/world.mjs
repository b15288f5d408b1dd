// The demo's own small world: region `local` with two zones and region `remote` with one, a daemon for
// each region, everything on Unix sockets in one temporary folder.

import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../setup.mjs'

const regions = [
  { name: 'local', number: 1, zones: ['local-1', 'local-2'] },
  { name: 'remote', number: 2, zones: ['remote-1'] },
]
const poolCapacity = '2GiB'
const program = (path) => join(root, 'build', 'bin', path)

/** A program's end: code and what it said. */
function ended(child) {
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'])
    child[name]?.on('data', (chunk) => {
      said[name] += chunk
    })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => done({ code, ...said }))
  })
}

export class World {
  /** Sockets lie in it, whose paths have 107 bytes at most. */
  folder = mkdtempSync(join(Buffer.byteLength(tmpdir()) < 60 ? tmpdir() : '/tmp', 'ashd-'))
  #page
  #daemons = []
  #clients

  constructor({ page, Client }) {
    this.#page = page
    this.#clients = Object.fromEntries(
      regions.map(({ name }) => [name, new Client(this.endpoint(name))]),
    )
  }

  path(name) {
    return join(this.folder, name)
  }

  endpoint(region) {
    return `unix:${this.path(`${region}.sock`)}`
  }

  /** The typed gRPC client of a region. */
  client(region = 'local') {
    return this.#clients[region]
  }

  async start() {
    await Promise.all(regions.map((region) => this.#startDaemon(region)))
    for (const region of regions) await this.#untilZonesAnswer(region.name)
  }

  #config({ name, number, zones }) {
    const peers = regions
      .filter((peer) => peer.name !== name)
      .map(
        (peer) =>
          `{ name = "${peer.name}", number = ${peer.number}, address = "${this.endpoint(peer.name)}" }`,
      )
    const region = `[[region]]
name = "${name}"
number = ${number}
data = "${name}"
listen = "${this.endpoint(name)}"
peers = [${peers.join(', ')}]
`
    const node = (zone) => `[[node]]
name = "${zone}-a"
zone = "${zone}"
region = "${name}"
region_address = "${this.endpoint(name)}"
data = "${zone}"
pool_capacity = "${poolCapacity}"
listen = "unix:${this.path(`${zone}.sock`)}"
nbd_unix = "${this.path(`${zone}.nbd`)}"
`
    return region + zones.map(node).join('')
  }

  /** Settles when the daemon has said that it is up. */
  async #startDaemon(region) {
    const config = this.path(`${region.name}.toml`)
    writeFileSync(config, this.#config(region))
    const child = spawn(process.execPath, [program('ashlard.js'), '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const daemon = { name: region.name, child, said: '' }
    this.#daemons.push(daemon)
    child.stderr.on('data', (chunk) => {
      daemon.said += chunk
    })
    await new Promise((done, fail) => {
      child.stdout.once('data', done)
      child.once('exit', (code) => fail(new Error(`daemon ${region.name} ended with ${code}`)))
    })
  }

  async #untilZonesAnswer(region) {
    const isUp = async () => {
      const { zones } = await this.client(region).topology.listZones({})
      return zones.every(({ status }) => status === 'ZONE_STATUS_AVAILABLE')
    }
    await this.until(`the zones of region ${region} answer`, isUp)
  }

  async until(what, holds, timeoutMs = 60_000) {
    const endMs = performance.now() + timeoutMs
    while (!(await holds())) {
      if (performance.now() > endMs) throw new Error(`not in ${timeoutMs} ms: ${what}`)
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  /** Runs a program, shown as typed; throws unless it ends with 0. Answers its stdout. */
  async run(name, args, shown = [name, ...args].join(' ')) {
    const line = shown.replaceAll(`${this.folder}/`, '')
    this.#page.command(line)
    const child = spawn(name, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    const { code, stdout, stderr } = await ended(child)
    if (code === 0) return stdout
    throw new Error(`${line} ended with ${code}: ${(stderr || stdout).trim()}`)
  }

  /** The command line of a region, as a user types it. Answers what it printed. */
  async ashlar(args, region = 'local') {
    const where = region === 'local' ? '' : ` --endpoint ${region}`
    const command = [program('ashlar.js'), ...args, '-q', '--endpoint', this.endpoint(region)]
    const shown = `ashlar ${args.join(' ')}${where}`
    return (await this.run(process.execPath, command, shown)).trim()
  }

  async json(args, region) {
    return JSON.parse(await this.ashlar([...args, '--output', 'json'], region))
  }

  /** What the daemons complained of. */
  complaints() {
    return this.#daemons
      .filter(({ said }) => said !== '')
      .map(({ name, said }) => `---- daemon ${name}\n${said.slice(-4000)}\n`)
      .join('')
  }

  /** At once; the folder goes with them. */
  kill() {
    for (const { child } of this.#daemons) child.kill('SIGKILL')
  }
}
