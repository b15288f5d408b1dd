// The wires of whole worlds, and one fault at a time on them: at a chosen message a site is killed, or
// the connection. What is killed is started again at once.

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { type Verdict, Wire, type WireMessage } from './wire.js'
import { World } from './world.js'

/** `late`: the receiver had the message for a moment. */
export const faults = [
  'receiver killed before',
  'receiver killed late',
  'sender killed after',
  'cut before',
  'cut after',
] as const
export type Fault = (typeof faults)[number]

interface Site {
  readonly world: World
  readonly name: string
}

interface Ends {
  readonly caller: Site
  readonly server: Site
}

interface Armed {
  readonly point: string
  readonly fault: Fault
  readonly lateMs: number
}

const stillMs = 100

export class Wires {
  readonly #wires: Wire[] = []
  readonly #ends = new Map<string, Ends>()
  readonly #counts = new Map<string, number>()
  #heard: string[] = []
  #armed: Armed | undefined
  #only: readonly string[] | undefined
  #fired = false
  #restarts: Promise<void>[] = []

  /** Between a world's region and its nodes. To be opened before the world is started. */
  async addNodes(world: World): Promise<void> {
    const region = { world, name: 'region' }
    for (const site of world.nodes) {
      const node = { world, name: site }
      const { regionName } = world
      const real = {
        to: join(world.folder, `${site}.sock`),
        from: join(world.folder, 'region.sock'),
      }
      await this.#add(`${regionName} to ${site}`, join(world.folder, World.wireTo(site)), real.to, {
        caller: region,
        server: node,
      })
      await this.#add(
        `${site} to ${regionName}`,
        join(world.folder, World.wireFrom(site)),
        real.from,
        { caller: node, server: region },
      )
    }
  }

  /** From one region to another; `at` is what the caller's configuration names. */
  async addPeer(at: string, caller: World, server: World): Promise<void> {
    await this.#add(
      `${caller.regionName} to ${server.regionName}`,
      at,
      join(server.folder, 'region.sock'),
      {
        caller: { world: caller, name: 'region' },
        server: { world: server, name: 'region' },
      },
    )
  }

  async #add(name: string, at: string, to: string, ends: Ends): Promise<void> {
    this.#ends.set(name, ends)
    rmSync(at, { force: true })
    this.#wires.push(
      await Wire.open({ name, at, to, hear: async (message) => await this.#hear(message) }),
    )
  }

  /** Counts from zero. Points are named by wire, direction, message, and how many of these came before. */
  listen({ armed, only }: { readonly armed?: Armed; readonly only?: readonly string[] }): void {
    this.#only = only
    this.#counts.clear()
    this.#heard = []
    this.#armed = armed
    this.#fired = false
  }

  /** Settles when nothing has been said for a while: what an operation leaves to be done has been done. */
  async still(): Promise<void> {
    for (let before = -1; before !== this.#heard.length; ) {
      before = this.#heard.length
      await this.settled()
      await sleep(stillMs)
    }
  }

  /** From now on nothing happens. Settles when everything that was killed is up again. */
  async calm(): Promise<{ readonly heard: readonly string[]; readonly fired: boolean }> {
    this.#armed = undefined
    const heard = [...this.#heard]
    await this.settled()
    return { heard, fired: this.#fired }
  }

  async settled(): Promise<void> {
    const restarts = this.#restarts
    this.#restarts = []
    await Promise.all(restarts)
  }

  close(): void {
    for (const wire of this.#wires) wire.close()
  }

  async #hear({ wire, direction, what }: WireMessage): Promise<Verdict> {
    // They come with the time, whatever happens.
    if (what === 'Watch heartbeat' || this.#only?.includes(wire) === false) return 'pass'
    const kind = `${wire}, ${direction} ${what}`
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    const point = `${kind} ${count}`
    this.#heard.push(point)
    const ends = this.#ends.get(wire)
    if (this.#armed?.point !== point || this.#fired || ends === undefined) return 'pass'
    this.#fired = true
    const request = direction === 'request'
    const [sender, receiver] = request ? [ends.caller, ends.server] : [ends.server, ends.caller]
    const { fault, lateMs } = this.#armed
    switch (fault) {
      case 'receiver killed before':
        await this.#kill(receiver)
        return 'cut before'
      case 'receiver killed late':
        this.#restarts.push(sleep(lateMs).then(async () => await this.#killed(receiver)))
        return 'pass'
      case 'sender killed after':
        await this.#kill(sender)
        return 'cut after'
      case 'cut before':
      case 'cut after':
        return fault
    }
  }

  async #kill({ world, name }: Site): Promise<void> {
    await world.signal(name, 'SIGKILL')
    const started = world.start(name)
    started.catch(() => undefined)
    this.#restarts.push(started)
  }

  async #killed({ world, name }: Site): Promise<void> {
    await world.killAndRestart(name)
  }
}
