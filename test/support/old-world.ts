// The world of which fixtures of old data are made: two regions and two zones with everything that a
// pool, a store and a catalog can hold, in a form that compresses to next to nothing. Each step knows
// what the volumes hold by then, so nothing in the description comes from the code that is described.

import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { must } from './tools.js'
import { type Verdict, Wire, type WireMessage } from './wire.js'
import { World, type WorldOptions } from './world.js'

const MiB = 1 << 20
export const blockBytes = 4096

/** How it ended: asked to, or killed while a guest was writing. */
export type Ending = 'stopped' | 'killed'

export interface OldVolume {
  readonly id: string
  readonly crn: string
  readonly name: string
  readonly zone: string
  readonly capacity_bytes: string
  readonly created_at: string
  readonly user_tags?: readonly string[]
}
export interface OldSnapshot {
  readonly id: string
  readonly crn: string
  readonly name: string
  readonly created_at: string
  readonly captured_at?: string
  readonly minimum_capacity_bytes: string
  readonly user_tags?: readonly string[]
}
export interface OldAttachment {
  readonly id: string
  readonly host: string
  readonly read_only?: boolean
  readonly volume: { readonly id: string }
}

/** What must be found again, of one region. */
export interface OldRegion {
  readonly volumes: readonly OldVolume[]
  readonly snapshots: readonly OldSnapshot[]
  readonly attachments: readonly OldAttachment[]
}

export interface OldContent {
  readonly made: string
  readonly here: OldRegion
  readonly there: OldRegion
  /** Of each volume's bytes but `busy`'s, by name. */
  readonly volumes: Readonly<Record<string, string>>
  /** Of each snapshot's bytes, by name; `pending` ones were not in the region yet. */
  readonly snapshots: Readonly<
    Record<string, { readonly sha256: string; readonly root: string; readonly pending: boolean }>
  >
  /** Zones of the clones of each snapshot. */
  readonly clones: Readonly<Record<string, readonly string[]>>
  /** Ids with a tombstone on their node that the region had not let go. */
  readonly tombstones: readonly string[]
}

/** What `busy` may hold where its guest was killed at work; it had flushed the first. */
export const busyGenerations = 9

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

const noise = createHash('shake256', { outputLength: 16 * blockBytes })
  .update('noise')
  .digest()

/**
 * What a guest of this name writes there the nth time: different for each block, and of no use to a
 * compressor that sees one chunk alone, so that data takes as long as data does.
 */
export function blockOf(name: string, generation: number, index: number): Buffer {
  const at = ((index + generation * 7 + name.length) % 16) * blockBytes
  const block = Buffer.from(noise.subarray(at, at + blockBytes))
  block.write(`${name} ${generation} ${index}\0`)
  return block
}

/** Folders of both regions' worlds, and how they are started: again, on what is there, without wires. */
export function oldWorlds(folder: string): readonly [here: WorldOptions, there: WorldOptions] {
  const [one, two] = [join(folder, 'here'), join(folder, 'there')]
  const peer = (name: string, number: number, at: string) => ({
    name,
    number,
    address: World.endpointIn(at),
  })
  return [
    {
      zones: ['local-1', 'local-2'],
      poolCapacity: '64MiB',
      folder: one,
      peers: [peer('remote', 2, two)],
    },
    {
      zones: [],
      poolCapacity: '16MiB',
      folder: two,
      region: { name: 'remote', number: 2 },
      peers: [peer('local', 1, one)],
    },
  ]
}

/** A volume's guest, and what it has written. */
class Guest {
  readonly name: string
  readonly #folder: string
  readonly #uri: string
  image: Buffer
  #commands: string[] = []

  constructor(name: string, folder: string, uri: string, image: Buffer) {
    this.name = name
    this.#folder = folder
    this.#uri = uri
    this.image = Buffer.from(image)
  }

  write(generation: number, first: number, count = 1): this {
    for (let at = first; at < first + count; at++) {
      blockOf(this.name, generation, at).copy(this.image, at * blockBytes)
    }
    const bytes = this.image.subarray(first * blockBytes, (first + count) * blockBytes)
    const file = join(this.#folder, `${this.name}-${generation}-${first}`)
    writeFileSync(file, bytes)
    return this.#then(`write -q -s ${file} ${first * blockBytes} ${bytes.length}`)
  }

  /** Some bytes within a block. */
  scribble(at: number, bytes: number): this {
    this.image.fill(0xa5, at, at + bytes)
    return this.#then(`write -q -P 0xa5 ${at} ${bytes}`)
  }

  trim(first: number, count: number): this {
    return this.#zero(`discard -q`, first, count)
  }

  zero(first: number, count: number): this {
    return this.#zero(`write -q -z`, first, count)
  }

  #zero(command: string, first: number, count: number): this {
    this.image.fill(0, first * blockBytes, (first + count) * blockBytes)
    return this.#then(`${command} ${first * blockBytes} ${count * blockBytes}`)
  }

  #then(command: string): this {
    this.#commands.push(command)
    return this
  }

  /** Settles when all of it is flushed. */
  async done(): Promise<void> {
    const commands = [...this.#commands, 'flush'].flatMap((command) => ['-c', command])
    this.#commands = []
    await must('qemu-io', ['-d', 'unmap', '-f', 'raw', ...commands, this.#uri])
  }

  /** Goes on and on with what was planned; settles when the first of it is answered. */
  async go(): Promise<ChildProcess> {
    const commands = this.#commands.flatMap((command) => ['-c', command.replace(' -q', '')])
    const child = spawn('qemu-io', ['-f', 'raw', ...commands, this.#uri], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    return child
  }
}

export class OldWorld {
  readonly #here: World
  readonly #there: World
  readonly #scratch: string
  readonly #wires: readonly Wire[]
  readonly #holds: Hold[]
  readonly #guests = new Map<string, Guest>()
  readonly #snapshots = new Map<string, { image: Buffer; pending: boolean }>()
  readonly #tombstones: string[] = []

  private constructor(parts: {
    here: World
    there: World
    scratch: string
    wires: readonly Wire[]
    holds: Hold[]
  }) {
    this.#here = parts.here
    this.#there = parts.there
    this.#scratch = parts.scratch
    this.#wires = parts.wires
    this.#holds = parts.holds
  }

  /** `folder` gets the data, `scratch` what is not to be kept. */
  static async start(folder: string, scratch: string): Promise<OldWorld> {
    const [one, two] = oldWorlds(folder)
    const holds: Hold[] = []
    const wires: Wire[] = []
    for (const each of [one, two]) mkdirSync(each.folder ?? '', { recursive: true })
    for (const site of one.zones) {
      const at = (name: string) => join(one.folder ?? '', name)
      const to = { name: `to ${site}`, at: at(World.wireTo(site)), to: at(`${site}.sock`) }
      const from = { name: `from ${site}`, at: at(World.wireFrom(site)), to: at('region.sock') }
      for (const ends of [to, from]) {
        const hear = async (message: WireMessage) => await heldBy(holds, message)
        wires.push(await Wire.open({ ...ends, hear }))
      }
    }
    const here = await World.start({ ...one, wired: true })
    const there = await World.start(two)
    return new OldWorld({ here, there, scratch, wires, holds })
  }

  async make(): Promise<void> {
    await this.#fillData()
    await this.#fillOthers()
    await this.#restore()
    await this.#clone()
    await this.#copy()
    // From here on things are left half done.
    await this.#restoreHalf()
    await this.#snapshotLate()
    await this.#delete()
  }

  /** A full snapshot, an incremental one with differences of single blocks, and writes after it. */
  async #fillData(): Promise<void> {
    const data = await this.#create('data', 'local-1', 8 * MiB, '--tags', 'kind:data,old')
    await data.write(1, 0, 1600).done()
    await this.#snapshot('full', 'data', '--tags', 'daily')
    for (let at = 3; at < 1600; at += 61) data.write(2, at)
    await data.trim(256, 128).zero(512, 64).scribble(5_000_123, 777).write(2, 1900, 40).done()
    await this.#snapshot('increment', 'data')
    await data.write(3, 20, 30).trim(1024, 256).done()
  }

  async #fillOthers(): Promise<void> {
    await this.#create('empty', 'local-1', 4 * MiB)
    await this.#snapshot('zero', 'empty')
    const grown = await this.#create('grown', 'local-1', MiB)
    await grown.write(1, 0, 256).done()
    await this.#here.must('volume-update', 'grown', '--size', '3MiB')
    grown.image = Buffer.concat([grown.image, Buffer.alloc(2 * MiB)])
    await grown.write(1, 700, 20).done()
    const busy = await this.#create('busy', 'local-1', 2 * MiB)
    await busy.write(1, 0, 512).done()
    const gone = await this.#create('gone', 'local-1', MiB)
    await gone.write(1, 0, 100).done()
    await this.#snapshot('dropped', 'gone')
  }

  /** A restored volume that has everything, and was written since. */
  async #restore(): Promise<void> {
    const restored = await this.#createFrom('restored', 'full')
    await this.#here.until('it is whole', async () => await this.#isWhole('restored'))
    await restored.write(1, 100, 50).trim(300, 20).done()
    await this.#snapshot('again', 'restored')
  }

  async #clone(): Promise<void> {
    await this.#here.must('snapshot-clone-create', 'increment', '--zone', 'local-2', '--wait')
    const cloned = await this.#createFrom('cloned', 'increment')
    await cloned.write(1, 800, 10).done()
    await this.#here.must('attach', 'empty', '--host', 'reader', '--read-only')
  }

  async #copy(): Promise<void> {
    const { crn } = await this.#here.json<OldSnapshot>('snapshot', 'increment')
    const copy = ['--source-snapshot-crn', crn, '--name', 'copy', '--wait']
    await this.#there.must('snapshot-create', ...copy)
    this.#snapshots.set('copy', this.#taken('increment'))
  }

  /** Some messages come, then none: its guest goes on with what is there, and is captured so. */
  async #restoreHalf(): Promise<void> {
    const some = this.#hold('from local-2', /^Pull (RAW|LZ4|DELTA)/, 3)
    this.#hold('to local-2', /^Pull (LIST|RAW|LZ4|DELTA)/, 0)
    const half = await this.#createFrom('half', 'full')
    await some.reached
    await half.write(1, 5, 40).trim(1000, 100).write(1, 1700, 3).scribble(90, 20).done()
    await this.#snapshotPending('half-way', 'half')
    await half.write(2, 30, 40).write(2, 900, 16).done()
  }

  async #snapshotLate(): Promise<void> {
    const some = this.#hold('to local-1', /^Pull (RAW|LZ4|DELTA)/, 1)
    await this.#guest('data').write(4, 0, 1300).done()
    await this.#snapshotPending('late', 'data')
    await some.reached
    await this.#guest('data').write(5, 640, 64).done()
  }

  async #delete(): Promise<void> {
    const held = this.#hold('to local-1', /^ForgetTombstone/, 0)
    const { id } = await this.#here.json<OldVolume>('volume', 'gone')
    const dropped = await this.#here.json<OldSnapshot>('snapshot', 'dropped')
    await this.#here.must('detach', 'gone')
    await this.#here.must('volume-delete', 'gone', '--force')
    await this.#here.must('snapshot-delete', 'dropped', '--force')
    this.#guests.delete('gone')
    this.#snapshots.delete('dropped')
    await held.reached
    this.#tombstones.push(id, dropped.id)
  }

  /** Describes what must be found, and ends. */
  async end(ending: Ending, made: string): Promise<OldContent> {
    const content = await this.#describe(made)
    const sites = [this.#here, this.#there].flatMap((world) =>
      [...world.nodes, 'region'].map((site) => ({ world, site })),
    )
    const signal = ending === 'killed' ? 'SIGKILL' : 'SIGTERM'
    const writing = ending === 'killed' ? await this.#writeOn() : undefined
    await Promise.all(sites.map(async ({ world, site }) => await world.signal(site, signal)))
    writing?.kill('SIGKILL')
    for (const wire of this.#wires) wire.close()
    return content
  }

  /** `busy` holds its first generation, or blocks of later ones. */
  async #writeOn(): Promise<ChildProcess> {
    const busy = this.#guest('busy')
    for (let generation = 2; generation <= busyGenerations; generation++) {
      for (let at = 0; at < 512; at++) busy.write(generation, (at * 37) % 512)
    }
    return await busy.go()
  }

  async #describe(made: string): Promise<OldContent> {
    const snapshots: Record<string, { sha256: string; root: string; pending: boolean }> = {}
    for (const [name, { image, pending }] of this.#snapshots) {
      snapshots[name] = { sha256: sha256(image), root: await this.#rootOf(image), pending }
    }
    const guests = [...this.#guests.values()].filter(({ name }) => name !== 'busy')
    return {
      made,
      here: await regionOf(this.#here),
      there: await regionOf(this.#there),
      volumes: Object.fromEntries(guests.map(({ name, image }) => [name, sha256(image)])),
      snapshots,
      clones: { increment: ['local-2'] },
      tombstones: this.#tombstones,
    }
  }

  async #rootOf(image: Buffer): Promise<string> {
    const file = join(this.#scratch, 'image')
    writeFileSync(file, image)
    return (await this.#here.json<{ root: string }>('verify', file)).root
  }

  async #create(name: string, zone: string, bytes: number, ...more: string[]): Promise<Guest> {
    const of = ['--name', name, '--zone', zone, '--size', `${bytes / MiB}MiB`]
    await this.#here.must('volume-create', ...of, ...more)
    return await this.#attach(name, Buffer.alloc(bytes), name === 'empty')
  }

  async #createFrom(name: string, snapshot: string): Promise<Guest> {
    const of = ['--name', name, '--zone', 'local-2', '--source-snapshot', snapshot]
    await this.#here.must('volume-create', ...of)
    return await this.#attach(name, this.#taken(snapshot).image, false)
  }

  async #attach(name: string, image: Buffer, later: boolean): Promise<Guest> {
    const uri = later ? '' : await this.#here.must('attach', name, '--host', 'host-1')
    const guest = new Guest(name, this.#scratch, uri, image)
    this.#guests.set(name, guest)
    return guest
  }

  async #snapshot(name: string, volume: string, ...more: string[]): Promise<void> {
    await this.#here.must('snapshot-create', '--volume', volume, '--name', name, '--wait', ...more)
    this.#snapshots.set(name, { image: Buffer.from(this.#guest(volume).image), pending: false })
  }

  async #snapshotPending(name: string, volume: string): Promise<void> {
    await this.#here.must('snapshot-create', '--volume', volume, '--name', name)
    this.#snapshots.set(name, { image: Buffer.from(this.#guest(volume).image), pending: true })
  }

  async #isWhole(name: string): Promise<boolean> {
    return (await this.#here.json<{ health_state: string }>('volume', name)).health_state === 'ok'
  }

  #hold(wire: string, what: RegExp, after: number): Hold {
    const hold = new Hold(wire, what, after)
    this.#holds.push(hold)
    return hold
  }

  #guest(name: string): Guest {
    const guest = this.#guests.get(name)
    if (guest === undefined) throw new Error(`no guest ${name}`)
    return guest
  }

  #taken(name: string): { image: Buffer; pending: boolean } {
    const taken = this.#snapshots.get(name)
    if (taken === undefined) throw new Error(`no snapshot ${name}`)
    return taken
  }

  async remove(): Promise<void> {
    await this.#here.remove()
    await this.#there.remove()
  }
}

/** Messages that do not arrive, but for the first ones. */
class Hold {
  readonly #wire: string
  readonly #what: RegExp
  #left: number
  readonly reached: Promise<void>
  #reach: () => void = () => undefined

  constructor(wire: string, what: RegExp, after: number) {
    this.#wire = wire
    this.#what = what
    this.#left = after
    this.reached = new Promise((done) => (this.#reach = done))
  }

  stops({ wire, what }: WireMessage): boolean {
    if (wire !== this.#wire || !this.#what.test(what)) return false
    if (this.#left-- > 0) return false
    this.#reach()
    return true
  }
}

async function heldBy(holds: readonly Hold[], message: WireMessage): Promise<Verdict> {
  if (holds.some((hold) => hold.stops(message))) await new Promise(() => undefined)
  return 'pass'
}

export async function regionOf(world: World): Promise<OldRegion> {
  const volumes = await world.json<OldVolume[]>('volumes')
  const snapshots = await world.json<OldSnapshot[]>('snapshots')
  const attachments = await world.json<OldAttachment[]>('attachments')
  return {
    volumes: volumes.map((each) =>
      pick(each, ['id', 'crn', 'name', 'zone', 'capacity_bytes', 'created_at', 'user_tags']),
    ),
    snapshots: snapshots.map((each) =>
      pick(each, [
        ...(['id', 'crn', 'name', 'created_at', 'captured_at', 'minimum_capacity_bytes'] as const),
        'user_tags',
      ]),
    ),
    attachments: attachments.map(({ volume, ...each }) => ({
      ...pick(each, ['id', 'host', 'read_only']),
      volume: { id: volume.id },
    })),
  }
}

function pick<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => key in from).map((key) => [key, from[key]]),
  ) as Pick<T, K>
}
