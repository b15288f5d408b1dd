// Gives back what the store holds for nobody (DESIGN 7, "Collection"). The store condemns what no
// root reaches, so that look-ups miss it from then on; every session that may have found it before is
// waited for; what is then still unreached is deleted. Order, never time, makes it safe, and on any
// doubt nothing is deleted: garbage is only garbage.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import { failpoint } from '../../../base/failpoint.js'
import type { Binding, CollectEnded, StoreHandle } from '../../../native/binding.js'
import type { LazyStore } from '../core/lazy-store.js'
import type { Sessions } from '../jobs/sessions.js'
import type { RegionContext } from '../nodes/context.js'
import type { RecordRepair } from './record-repair.js'
import type { Recovery } from './recovery.js'

export interface CollectorOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly sessions: Sessions
  readonly recovery: Recovery
  readonly records: RecordRepair
}

export interface Collection extends CollectEnded {
  /** The collector's counter when it began. */
  readonly generation: number
}

/** Of all collections since the region was started. */
export interface CollectionTotals {
  readonly done: number
  readonly failed: number
  readonly freedBytes: bigint
  /** Of those that were done. */
  readonly tookMs: number
}

/** A collection of its own accord begins when nothing was deleted for so long, */
const quietMs = 30_000
/** or when the first delete is so old. */
const patienceMs = 300_000

export class Collector {
  readonly #options: CollectorOptions
  readonly #stop = new AbortController()
  #last: Promise<unknown> = Promise.resolve()
  #automatic: Promise<void> | undefined
  #deletes = 0
  #totals: CollectionTotals = { done: 0, failed: 0, freedBytes: 0n, tookMs: 0 }

  constructor(options: CollectorOptions) {
    this.#options = options
  }

  /** Collects what former lives of the daemon left. */
  async start(): Promise<void> {
    const { context, store } = this.#options
    if (store.isPresent && (await context.catalog.read.meta.hasChangedSinceCollection())) {
      this.soon()
    }
  }

  /**
   * Runs one collection, after those that were asked for before. Throws CATALOG_BEHIND and
   * FAILED_PRECONDITION when this catalog may not know all that the store must keep, CORRUPT when
   * something that must stay cannot be read, SHUTTING_DOWN.
   */
  async collect(): Promise<Collection> {
    const { catalog } = this.#options.context
    const collect = async () => await this.#collect()
    const mine = this.#last.then(async () => await catalog.withReserve(collect))
    this.#last = mine.catch(() => undefined)
    return await mine
  }

  get totals(): CollectionTotals {
    return this.#totals
  }

  /** Something became garbage. */
  soon(): void {
    this.#deletes++
    if (this.#stop.signal.aborted) return
    this.#automatic ??= this.#afterQuiet().finally(() => (this.#automatic = undefined))
  }

  /** Ends a collection under way; nothing of it is left. */
  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the region is stopping'))
    await this.#automatic
    await this.#last
  }

  async #afterQuiet(): Promise<void> {
    const { clock, log } = this.#options.context
    const signal = this.#stop.signal
    try {
      const until = clock.monotonicMs() + patienceMs
      let seen: number
      do {
        seen = this.#deletes
        await clock.sleep(quietMs, signal)
      } while (seen !== this.#deletes && clock.monotonicMs() < until)
      await this.collect()
    } catch (thrown) {
      if (!signal.aborted) log.warn({ err: thrown }, 'nothing was collected')
    }
  }

  async #collect(): Promise<Collection> {
    const { context, native, store, recovery } = this.#options
    this.#stop.signal.throwIfAborted()
    recovery.requireWhole()
    const handle = await store.get()
    const superseded = await this.#superseded()
    const abort = () => void native.collectAbort(handle).catch(() => undefined)
    this.#stop.signal.addEventListener('abort', abort, { once: true })
    const sinceMs = context.clock.monotonicMs()
    try {
      const collection = await this.#run(handle, superseded)
      this.#note(collection, context.clock.monotonicMs() - sinceMs)
      const { kept, ...freed } = collection
      for (const pack of kept) context.log.warn({ pack }, 'a damaged pack stays')
      context.log.info(freed, 'store collected')
      // What found no room may find it now.
      if (freed.freedBytes > 0n) context.drives.wakeAll()
      return collection
    } catch (thrown) {
      this.#totals = { ...this.#totals, failed: this.#totals.failed + 1 }
      await native.collectAbort(handle)
      this.#stop.signal.throwIfAborted()
      throw asAshlarError(thrown)
    } finally {
      this.#stop.signal.removeEventListener('abort', abort)
    }
  }

  #note({ freedBytes }: CollectEnded, ms: number): void {
    const { done, freedBytes: before, tookMs, ...rest } = this.#totals
    this.#totals = {
      ...rest,
      done: done + 1,
      freedBytes: before + freedBytes,
      tookMs: tookMs + ms,
    }
  }

  // Why there are none was logged. The collection is refused where it meets one that it needs.
  async #superseded(): Promise<readonly bigint[]> {
    try {
      return (await this.#options.records.mend()) ?? []
    } catch {
      return []
    }
  }

  async #run(handle: StoreHandle, supersededGenerations: readonly bigint[]): Promise<Collection> {
    const { context, native, sessions } = this.#options
    const { catalog } = context
    const signal = this.#stop.signal
    const begun = await catalog.writeWithReserve(async ({ meta }) => ({
      generation: await meta.nextCollectionGeneration(),
      catalogGeneration: await meta.generation(),
    }))
    await native.collectBegin(handle, { roots: await this.#roots() })
    // Sessions from here on see the condemned as missing; those before may have counted on it.
    const next = await catalog.writeWithReserve(
      async ({ meta }) => await meta.nextCollectionGeneration(),
    )
    await sessions.endedBefore(next, signal)
    const roots = await this.#roots()
    failpoint('collectEnd')
    const collected = await native.collectEnd(handle, { roots, supersededGenerations })
    await catalog.writeWithReserve(
      async ({ meta }) => await meta.collectedAt(begun.catalogGeneration),
    )
    return { generation: begun.generation, ...collected }
  }

  // One transaction, so that nothing moves from one list to another in between.
  async #roots(): Promise<readonly Buffer[]> {
    const all = await this.#options.context.catalog.writeWithReserve(async (tables) => [
      ...(await tables.snapshots.manifests()),
      ...(await tables.pins.all()).map(({ manifest }) => manifest),
      ...(await tables.sessions.all()).flatMap(({ base }) => (base ? [base.manifest] : [])),
    ])
    // Many pins and sessions share a root.
    return [...new Map(all.map((manifest) => [manifest.toString('latin1'), manifest])).values()]
  }
}
