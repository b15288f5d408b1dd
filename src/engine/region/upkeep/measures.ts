// What an operator's metrics say of a region, read at one look: a few counts of the catalog, the sizes
// of the store, and what has happened since the start.

import type { RegionContext } from '../nodes/context.js'
import type { CollectionTotals, Collector } from './collector.js'
import type { Operator, StoreView } from './operator.js'

export interface MeasuresOptions {
  readonly context: RegionContext
  readonly operator: Operator
  readonly collector: Collector
}

export interface RegionMeasures extends StoreView {
  /** Snapshots that have a cut and are not stable. */
  readonly pendingSnapshots: number
  /** How long ago the oldest of them was captured; 0 when there is none. */
  readonly sealLagMs: number
  readonly collections: CollectionTotals
  readonly nodes: readonly { readonly name: string; readonly isHere: boolean }[]
}

export class Measures {
  readonly #options: MeasuresOptions

  constructor(options: MeasuresOptions) {
    this.#options = options
  }

  async read(): Promise<RegionMeasures> {
    const { context, operator, collector } = this.#options
    const { count, oldestNs } = await context.catalog.read.snapshots.underWay()
    const nowNs = context.clock.nowNs()
    const isLate = oldestNs !== undefined && oldestNs < nowNs
    return {
      ...(await operator.stats()),
      pendingSnapshots: count,
      sealLagMs: isLate ? Number((nowNs - oldestNs) / 1_000_000n) : 0,
      collections: collector.totals,
      nodes: [...context.links.values()].map(({ name, state }) => ({
        name,
        isHere: state.kind === 'here',
      })),
    }
  }
}
