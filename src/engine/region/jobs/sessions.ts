// Work that writes to this region's store. While a session runs, a collection that began before it
// ended deletes nothing: what the session found present may be what it commits. Its row keeps the
// tree of its base, also over a restart, until the job ends.

import type { Tables } from '../../../catalog/catalog.js'
import type { Base, SessionKind } from '../../../catalog/rows.js'
import type { Id } from '../../../base/ids.js'
import { nowMs } from '../core/now.js'
import type { RegionContext } from '../nodes/context.js'

export interface SessionSpec {
  readonly kind: SessionKind
  readonly snapshotId: Id
  readonly base: Base | undefined
}

interface Running {
  /** The collector's when it began; below all of them while that is not known. */
  generation: number
  readonly ended: Promise<void>
}

export class Sessions {
  readonly #context: RegionContext
  readonly #running = new Set<Running>()

  constructor(context: RegionContext) {
    this.#context = context
  }

  /**
   * Runs `body` within a session. `choose` runs in the transaction that writes the session's row, so
   * that what it chooses as base is kept from then on. The row stays until the job ends it.
   */
  async run<T>(
    choose: (tables: Tables) => Promise<SessionSpec>,
    body: (session: SessionSpec) => Promise<T>,
  ): Promise<T> {
    let end = () => undefined as void
    const ended = new Promise<void>((resolve) => (end = resolve))
    // Before the transaction: there is no moment at which it has begun and is not counted.
    const running: Running = { generation: -1, ended }
    this.#running.add(running)
    try {
      const session = await this.#context.catalog.write(
        async (tables) => await this.#begin(tables, await choose(tables), running),
      )
      return await body(session)
    } finally {
      this.#running.delete(running)
      end()
    }
  }

  /** Settles when no session runs that began before the collector's `generation`. */
  async endedBefore(generation: number, signal: AbortSignal): Promise<void> {
    let abort = () => undefined as void
    const aborted = new Promise<void>((resolve) => (abort = resolve))
    signal.addEventListener('abort', abort, { once: true })
    try {
      for (;;) {
        signal.throwIfAborted()
        const older = [...this.#running].filter((running) => running.generation < generation)
        if (older.length === 0) return
        await Promise.race([aborted, ...older.map(({ ended }) => ended)])
      }
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async #begin(tables: Tables, session: SessionSpec, running: Running): Promise<SessionSpec> {
    const { clock, newId } = this.#context
    const generation = await tables.meta.collectionGeneration()
    running.generation = generation
    await tables.sessions.begin({ id: newId(), ...session, generation, createdMs: nowMs(clock) })
    return session
  }
}
