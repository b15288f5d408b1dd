// Whether this catalog knows all that its store must keep. A catalog restored from yesterday does not
// know today's commits; one made from the store's records does not know the pins. Both serve what
// they know, and neither may collect.

import { AshlarError } from '../../base/error.js'
import type { Reason } from '../../catalog/rows.js'
import type { Binding } from '../../native/binding.js'
import type { RegionContext } from './context.js'
import type { LazyStore } from './lazy-store.js'

export interface RecoveryOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
}

export class Recovery {
  readonly #options: RecoveryOptions

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** Before anything is recorded: a later generation must not cover up that records are unknown. */
  async start(): Promise<void> {
    const { context, native, store } = this.#options
    if (!store.isPresent) return
    const { highestGeneration } = await native.storeStats(await store.get())
    await context.catalog.write(
      async ({ meta }) => await meta.fellBehind(Number(highestGeneration)),
    )
    const problem = await this.problem()
    if (problem !== undefined) context.log.error({ problem }, problem.message)
  }

  /** The store has records that this catalog does not know. */
  async isBehind(): Promise<boolean> {
    return (await this.#options.context.catalog.read.meta.knownGeneration()) !== undefined
  }

  /** This catalog knows whatever the records say, and all pins. */
  async isWhole(): Promise<boolean> {
    return (
      !(await this.isBehind()) && !(await this.#options.context.catalog.read.meta.isRecovered())
    )
  }

  /** Why nothing is collected now. */
  async problem(): Promise<Reason | undefined> {
    const { meta } = this.#options.context.catalog.read
    const known = await meta.knownGeneration()
    if (known !== undefined) {
      return {
        code: 'catalog_behind',
        message:
          `the store has snapshot records after generation ${known}, which this catalog does not ` +
          'know: stop the region and run `ashlar store-rebuild-catalog --missing` on its folder',
      }
    }
    if (!(await meta.isRecovered())) return undefined
    const unseen = await this.#unseen()
    if (unseen === undefined) return undefined
    return {
      code: 'catalog_recovering',
      message: `the catalog was made from records, and ${unseen}`,
    }
  }

  /** Throws FAILED_PRECONDITION. */
  async refuseUnlessComplete(): Promise<void> {
    const { catalog } = this.#options.context
    const problem = await this.problem()
    if (problem !== undefined) {
      throw new AshlarError('FAILED_PRECONDITION', problem.message, {
        metadata: { reason: problem.code },
      })
    }
    if (await catalog.read.meta.isRecovered()) {
      await catalog.write(async ({ meta }) => await meta.setWhole())
    }
  }

  // Pins follow from what the nodes say they need; housekeeping writes them.
  async #unseen(): Promise<string | undefined> {
    const { links, catalog } = this.#options.context
    for (const link of links.values()) {
      const records = link.freshRecords
      if (records === undefined) return `node ${link.name} has not said yet what it needs`
      for (const { pinId, snapshotId } of records.origins) {
        if ((await catalog.read.pins.holding(pinId)) !== undefined) continue
        return `node ${link.name} needs snapshot ${snapshotId}, which is deleted: delete its volumes there`
      }
    }
    return undefined
  }
}
