// Two regions' engines that know each other, and the links between them, which can be away and can
// lose a message in either direction.

import { type Clock, systemClock } from '../../src/base/clock.js'
import { AshlarError } from '../../src/base/error.js'
import type { CopyControl } from '../../src/engine/copy-control.js'
import type { PullOpen, Puller } from '../../src/engine/puller.js'
import type { RegionPeer } from '../../src/engine/region/region.js'
import { RegionWorld } from './region-world.js'

type Call = keyof CopyControl | 'pull'

/** From one region to another. */
export class FakeLink {
  /** What was asked, in order. */
  readonly calls: Call[] = []
  readonly pulls: PullOpen[] = []
  /** Set: every call fails with it. */
  away: AshlarError | undefined
  /** Called before a call arrives; what it throws is the answer. */
  before: (call: Call) => Promise<void> | void = () => undefined
  /** Called when a call is done but not answered. */
  after: (call: Call) => Promise<void> | void = () => undefined
  /** What moving the data does once the source has opened. */
  move: (signal: AbortSignal) => Promise<void> = async () => undefined

  goAway(): void {
    this.away = new AshlarError('REMOTE_UNAVAILABLE', 'cannot be reached')
  }

  /** As the region it begins in sees the other end. */
  to(name: string, number: number, world: () => RegionWorld): RegionPeer {
    return {
      name,
      number,
      address: name,
      endpoint: name,
      control: {
        open: async (request, signal) =>
          await this.#call('open', signal, async () => await world().region.copies.open(request)),
        commit: async (request, signal) =>
          await this.#call('commit', signal, async () => {
            await world().region.copies.commit(request)
          }),
        release: async (request, signal) =>
          await this.#call('release', signal, async () => {
            await world().region.copies.release(request)
          }),
      },
      puller: { pull: async (...args) => await this.#pull(world(), ...args) },
    }
  }

  async #pull(
    world: RegionWorld,
    ...[receive, open, signal]: Parameters<Puller['pull']>
  ): ReturnType<Puller['pull']> {
    this.pulls.push(open)
    return await this.#call('pull', signal, async () => {
      const { volumeBytes, manifest, baseAgreed } = await world.region.source.open(open)
      await receive({ volumeBytes, manifest, baseAgreed })
      await this.move(signal)
      return { kind: 'complete' as const }
    })
  }

  async #call<T>(call: Call, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    this.calls.push(call)
    if (this.away !== undefined) throw this.away
    await abortable(this.before(call), signal)
    const answer = await abortable(body(), signal)
    await abortable(this.after(call), signal)
    return answer
  }
}

export class TwoRegions {
  readonly here: RegionWorld
  readonly there: RegionWorld
  /** From `there`, which makes copies, to `here`. */
  readonly link: FakeLink
  readonly back: FakeLink

  private constructor(here: RegionWorld, there: RegionWorld, link: FakeLink, back: FakeLink) {
    this.here = here
    this.there = there
    this.link = link
    this.back = back
  }

  /** `clock`: of `here`. */
  static async start(clock: Clock = systemClock): Promise<TwoRegions> {
    const link = new FakeLink()
    const back = new FakeLink()
    const started: RegionWorld[] = []
    const other = () => {
      const [there] = started
      if (there === undefined) throw new AshlarError('REMOTE_UNAVAILABLE', 'not started')
      return there
    }
    const here = await RegionWorld.start({ peers: [back.to('remote', 2, other)], clock })
    const there = await RegionWorld.start({
      name: 'remote',
      number: 2,
      peers: [link.to('local', 1, () => here)],
    })
    started.push(there)
    return new TwoRegions(here, there, link, back)
  }

  async remove(): Promise<void> {
    await this.there.remove()
    await this.here.remove()
  }
}

async function abortable<T>(work: Promise<T> | T, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return await Promise.race([
    work,
    new Promise<never>((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    ),
  ])
}
