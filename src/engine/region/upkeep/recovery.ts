// Whether this catalog knows all that its store and its nodes have (DESIGN 9), and what may be done
// with it until it does. Behind: restored from yesterday, it does not know the latest records of its
// store. Whatever it recorded would be taken for later than those, so that it is only read; that ends
// with the daemon, by `ashlar store-rebuild-catalog --missing`. Adopting: it is new, or was made or
// mended from records, which know neither volumes, attachments and clones nor pins. Each node takes
// part when all it has is taken over. Whole: nothing is unknown, and only now anything is collected.
// Unknown: the store was not asked yet, or finds no room to be opened on its full disk.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Logger } from '../../../base/logger.js'
import type { Catalog, Tables } from '../../../catalog/catalog.js'
import type { Reason } from '../../../catalog/rows.js'
import type { Binding } from '../../../native/binding.js'
import type { NodeRecords } from '../../zone-control.js'
import type { LazyStore } from '../core/lazy-store.js'
import type { Admission } from '../nodes/node-link.js'

export interface RecoveryOptions {
  readonly catalog: Catalog
  readonly native: Binding
  readonly store: LazyStore
  readonly nodes: readonly { readonly name: string; readonly zone: string }[]
  readonly log: Logger
  /** Take over what a node has, within one transaction. Throw when that cannot be all of it. */
  readonly adopt: (tables: Tables, records: NodeRecords) => Promise<void>
  readonly adoptPins: (tables: Tables, records: NodeRecords) => Promise<unknown>
}

type State = 'unknown' | 'behind' | 'adopting' | 'whole'

export class Recovery implements Admission {
  /** Settle when it is not unknown any more, and when it is whole, which may be never. */
  readonly known: Promise<void>
  readonly whole: Promise<void>
  readonly #options: RecoveryOptions
  /** Nodes that have not told this life of the daemon what they have; taking it over twice is harmless. */
  readonly #awaited: Map<string, string>
  #state: State = 'unknown'
  #knownGeneration = 0
  /** Why the store cannot be asked. */
  #noRoom: AshlarError | undefined
  #isKnown = () => undefined as void
  #isWhole = () => undefined as void

  constructor(options: RecoveryOptions) {
    this.#options = options
    this.#awaited = new Map(options.nodes.map(({ name, zone }) => [name, zone]))
    this.known = new Promise((resolve) => (this.#isKnown = resolve))
    this.whole = new Promise((resolve) => (this.#isWhole = resolve))
  }

  get state(): State {
    return this.#state
  }

  /**
   * Before anything is recorded: a later generation must not cover up that records are unknown. To be
   * called again when there is room, if it is unknown still.
   */
  async start(): Promise<void> {
    if (this.#state !== 'unknown') return
    const { catalog, log } = this.#options
    const highestGeneration = await this.#highestGeneration()
    if (highestGeneration === undefined) return
    this.#state = await catalog.writeWithReserve(async ({ meta }) => {
      await meta.fellBehind(Number(highestGeneration))
      const known = await meta.knownGeneration()
      this.#knownGeneration = known ?? 0
      if (known !== undefined) return 'behind'
      return (await meta.isRecovered()) ? 'adopting' : 'whole'
    })
    this.#isKnown()
    if (this.#state === 'whole') this.#isWhole()
    await this.#settle()
    const problem = this.problem()
    // Every new region begins with that of nodes it has not seen.
    if (this.#state === 'adopting') log.info({ problem }, problem?.message)
    else if (problem !== undefined) log.error({ problem }, problem.message)
  }

  /** Why nothing is collected now. */
  problem(): Reason | undefined {
    switch (this.#state) {
      case 'behind': {
        const message =
          `the store has snapshot records after generation ${this.#knownGeneration}, which this catalog ` +
          'does not know, so that it is only read: stop the region and run ' +
          '`ashlar store-rebuild-catalog --missing` on its folder'
        return { code: 'catalog_behind', message }
      }
      case 'adopting': {
        const [first] = this.#awaited
        const waits =
          first === undefined
            ? 'that all is taken over could not be written yet'
            : `node ${first[0]} has not said yet what it has: start it, or run ` +
              `\`ashlar zone-forget ${first[1]}\` if that zone is gone for good`
        const message = `the catalog is new or was made from records, and ${waits}`
        return { code: 'catalog_recovering', message }
      }
      case 'unknown':
        return this.#noRoom && { code: 'store_full', message: this.#noRoom.message }
      case 'whole':
        return undefined
    }
  }

  /** Before any change. Throws CATALOG_BEHIND; NO_SPACE or REMOTE_UNAVAILABLE while it is not known. */
  requireCurrent(): void {
    if (this.#state === 'behind') {
      throw new AshlarError('CATALOG_BEHIND', this.problem()?.message ?? 'the catalog is behind')
    }
    if (this.#state !== 'unknown') return
    if (this.#noRoom !== undefined) throw this.#noRoom
    throw new AshlarError('REMOTE_UNAVAILABLE', 'the region is starting', { retryDelayMs: 1000 })
  }

  /** Throws as requireCurrent, and FAILED_PRECONDITION. */
  requireWhole(): void {
    this.requireCurrent()
    const problem = this.problem()
    if (problem === undefined) return
    throw new AshlarError('FAILED_PRECONDITION', problem.message, {
      metadata: { reason: problem.code },
    })
  }

  takesOrders(node: string): boolean {
    return this.#state === 'whole' || (this.#state === 'adopting' && !this.#awaited.has(node))
  }

  async admit(records: NodeRecords): Promise<void> {
    const { catalog, adopt, adoptPins } = this.#options
    const { name } = records.node
    if (this.#awaited.has(name)) {
      // Nodes go on fetching what is pinned for them.
      if (this.#state === 'behind') await catalog.write(async (t) => await adoptPins(t, records))
      if (this.#state === 'adopting') await catalog.write(async (t) => await adopt(t, records))
      this.#awaited.delete(name)
    }
    await this.#settle()
  }

  /** These nodes are gone for good: what they have is orphaned, should they come back. */
  async forget(nodes: Iterable<string>): Promise<void> {
    for (const node of nodes) this.#awaited.delete(node)
    await this.#settle()
  }

  /** Undefined when the store finds no room. */
  async #highestGeneration(): Promise<bigint | undefined> {
    const { catalog, native, store } = this.#options
    if (!store.isPresent) return 0n
    try {
      const handle = await catalog.withReserve(async () => await store.get())
      return (await native.storeStats(handle)).highestGeneration
    } catch (thrown) {
      const error = asAshlarError(thrown)
      if (error.code !== 'NO_SPACE') throw thrown
      const problem = `no space is left to open the store: make room on its file system (${error.message})`
      this.#noRoom = new AshlarError('NO_SPACE', problem, { cause: thrown })
      return undefined
    }
  }

  async #settle(): Promise<void> {
    const { catalog, log } = this.#options
    if (this.#state !== 'adopting' || this.#awaited.size > 0) return
    await catalog.writeWithReserve(async ({ meta }) => await meta.setWhole())
    this.#state = 'whole'
    this.#isWhole()
    log.info('the catalog is whole')
  }
}
