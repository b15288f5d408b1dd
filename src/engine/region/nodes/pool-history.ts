// What a region has seen of its nodes' pools. A pool file that was copied back from yesterday, or that
// two nodes show, passes every check of its own; only who remembers can tell. It is reported, to the
// log and in the zone's status, and the next snapshots of the node's volumes are sealed from everything.

import type { Logger } from '../../../base/logger.js'
import type { Catalog, Tables } from '../../../catalog/catalog.js'
import type { PoolRow, Reason } from '../../../catalog/rows.js'

/** What a node says of its pool. */
export interface ShownPool {
  readonly node: string
  /** Of the node's start. */
  readonly bootId: string
  /** Empty: the node is too old to say. */
  readonly poolId: string
  readonly generation: bigint
  /** When the pool was opened by this start of the node. */
  readonly openedGeneration: bigint
}

export class PoolHistory {
  readonly #catalog: Catalog
  readonly #log: Logger
  /** What the catalog has, so that what says nothing new costs nothing. By node. */
  readonly #noted = new Map<string, Pick<ShownPool, 'bootId' | 'poolId' | 'generation'>>()

  constructor(catalog: Catalog, log: Logger) {
    this.#catalog = catalog
    this.#log = log
  }

  /** Ensures: durable, before anything is done with what else the node says. */
  async note(shown: ShownPool): Promise<void> {
    const { node, bootId, poolId, generation } = shown
    if (poolId === '') return
    const noted = this.#noted.get(node)
    const sameLife = noted?.bootId === bootId && noted.poolId === poolId
    if (sameLife && noted.generation >= generation) return
    const reason = await this.#catalog.writeWithReserve(
      async (tables) => await noteIn(tables, shown),
    )
    this.#noted.set(node, { bootId, poolId, generation })
    if (reason === undefined) return
    this.#log.error(
      { node, pool: poolId, reason: reason.code },
      `${reason.message}; the next snapshots of its volumes are sealed from everything`,
    )
  }

  /** A reason stands until every volume of the node was sealed from everything. */
  async look(node: string): Promise<void> {
    const rows = await this.#catalog.read.pools.all()
    const mine = rows.find((row) => row.node === node)
    if (mine?.reason === undefined || othersWith(rows, mine).length > 0) return
    await this.#catalog.writeWithReserve(async (tables) => {
      if (!(await tables.volumes.owesFullSeal(node))) await tables.pools.setReason(node, undefined)
    })
  }
}

async function noteIn(tables: Tables, shown: ShownPool): Promise<Reason | undefined> {
  const { node, bootId, poolId, generation } = shown
  const rows = await tables.pools.all()
  const mine = rows.find((row) => row.node === node)
  const others = othersWith(rows, shown)
  const reason = judge(mine, others, shown)
  await tables.pools.put({ node, bootId, poolId, generation, reason: reason ?? mine?.reason })
  if (reason === undefined) return undefined
  await sealFully(tables, node)
  for (const other of others) {
    await tables.pools.setReason(other.node, reason)
    await sealFully(tables, other.node)
  }
  return reason
}

// Of one life of a node everything is known by its start: its pool is open, and only grows.
function judge(
  mine: PoolRow | undefined,
  others: readonly PoolRow[],
  { node, bootId, poolId, openedGeneration }: ShownPool,
): Reason | undefined {
  if (mine?.bootId === bootId && mine.poolId === poolId) return undefined
  if (others.length > 0) {
    const names = others.map((row) => row.node).join(', ')
    const message = `node ${node} shows pool ${poolId}, which ${names} shows too, or showed last`
    return { code: 'pool_shared', message }
  }
  if (mine === undefined) return undefined
  if (mine.poolId !== poolId) {
    const message = `node ${node} shows pool ${poolId}, and had pool ${mine.poolId} before`
    return { code: 'pool_replaced', message }
  }
  if (openedGeneration >= mine.generation) return undefined
  return {
    code: 'pool_went_back',
    message:
      `pool ${poolId} of node ${node} was opened at checkpoint ${openedGeneration}, ` +
      `and had come to checkpoint ${mine.generation} before: what was written since is lost`,
  }
}

function othersWith(
  rows: readonly PoolRow[],
  { node, poolId }: { readonly node: string; readonly poolId: string },
): readonly PoolRow[] {
  return rows.filter((row) => row.poolId === poolId && row.node !== node)
}

async function sealFully(tables: Tables, node: string): Promise<void> {
  await tables.volumes.sealFully(node)
  await tables.snapshots.sealFullyOfNode(node)
}
