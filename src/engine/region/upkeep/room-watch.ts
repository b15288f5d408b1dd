// Looks after a region whose catalog has no room: says so once, and looks until there is some.

import type { Clock } from '../../../base/clock.js'
import { AshlarError } from '../../../base/error.js'
import type { Logger } from '../../../base/logger.js'
import type { Room } from '../../../catalog/room.js'

export interface RoomWatchOptions {
  readonly room: Room
  readonly clock: Clock
  readonly log: Logger
  /** There is some again. */
  readonly onRoom: () => void
}

const everyMs = 1000

export class RoomWatch {
  readonly #options: RoomWatchOptions
  readonly #stop = new AbortController()
  #watching: Promise<void> | undefined

  constructor(options: RoomWatchOptions) {
    this.#options = options
    options.room.onChange(() => this.#changed())
  }

  /** Of what is found when it starts. */
  start(): void {
    if (this.#options.room.isFull) this.#changed()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#watching
  }

  #changed(): void {
    const { room, log, onRoom } = this.#options
    const problem = room.problem()
    if (problem === undefined) {
      log.info('there is room for the catalog again')
      onRoom()
      return
    }
    // The cause that everything which is refused from now on has: it is not said for each.
    log.error({ err: new AshlarError('NO_SPACE', problem.message) }, problem.message)
    this.#watching ??= this.#watch().finally(() => (this.#watching = undefined))
  }

  async #watch(): Promise<void> {
    const { room, clock } = this.#options
    const { signal } = this.#stop
    do await clock.sleep(everyMs, signal).catch(() => undefined)
    while (!signal.aborted && !room.look())
  }
}
