// What a region does about a node beside the calls of users: it repeats orders until they are
// acknowledged, forgets tombstones, releases pins, notes finished hydration, reports orphans. All of
// it follows from the catalog and the node's records, so a crash loses none of it.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import { type Id, isId } from '../../../base/ids.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { OrderRow } from '../../../catalog/rows.js'
import type { PoolOrder } from '../../../native/binding.js'
import type { NodeRecords } from '../../zone-control.js'
import type { Step } from '../core/drives.js'
import { type RegionContext, linkOf, timing } from './context.js'
import { isTransient } from './node-link.js'
import type { PoolHistory } from './pool-history.js'

export class Housekeeping {
  readonly #context: RegionContext
  readonly #pools: PoolHistory
  readonly #onGarbage: () => void
  /** Ids of records that have a row, or were reported, by node. */
  readonly #known = new Map<string, ReadonlySet<string>>()

  /** `onGarbage`: a pin went, and what it kept may be kept by nobody now. */
  constructor(context: RegionContext, pools: PoolHistory, onGarbage: () => void) {
    this.#context = context
    this.#pools = pools
    this.#onGarbage = onGarbage
  }

  /** Something changed that may have left work for this node. */
  look(node: string): void {
    const settled = this.#context.drives.look(`node ${node}`, (signal) => this.#step(node, signal))
    settled.catch(() => undefined)
  }

  async #step(node: string, signal: AbortSignal): Promise<Step> {
    // The next records look again.
    if (linkOf(this.#context, node).state.kind === 'away') return { kind: 'rest' }
    try {
      return await this.#tidy(node, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      const error = asAshlarError(thrown)
      if (isTransient(error)) return { kind: 'retry', error }
      throw error
    }
  }

  async #tidy(node: string, signal: AbortSignal): Promise<Step> {
    const link = linkOf(this.#context, node)
    const late = await this.#deliver(node, signal)
    const records = link.freshRecords
    if (records !== undefined) {
      await this.#noteNode(records)
      await this.#pools.look(node)
      await this.#noteHydrated(records)
      await this.#releasePins(records)
      await this.#forgetTombstones(records, signal)
      await this.#reportOrphans(records)
    }
    return late === undefined ? { kind: 'rest' } : { kind: 'retry', error: late }
  }

  /** Answers the last failure, when an order has to be repeated. */
  async #deliver(node: string, signal: AbortSignal): Promise<AshlarError | undefined> {
    const { catalog, log } = this.#context
    let late: AshlarError | undefined
    for (const row of await catalog.read.orders.ofNode(node)) {
      // A volume that is being made from the cut needs it first; its drive looks here when done.
      // A clone on its way out names the cut as its image, and goes before it.
      if (row.kind === 'dropCut' && (await this.#isCutNeeded(node, row.target))) {
        late = new AshlarError('FAILED_PRECONDITION', `cut ${row.target} is still needed`)
        continue
      }
      try {
        await this.#order(node, orderOf(row), signal)
      } catch (thrown) {
        signal.throwIfAborted()
        const error = asAshlarError(thrown)
        // There is no cut that could be told: it was a cache, and it is gone.
        const moot = row.kind === 'sealed' && (isGone(error.code) || error.code === 'TOMBSTONE')
        if (!moot) {
          log.warn({ err: error, order: row.kind, target: row.target }, 'order will be repeated')
          late = error
          continue
        }
      }
      await catalog.writeWithReserve(async (tables) => await tables.orders.remove(row.seq))
    }
    return late
  }

  async #isCutNeeded(node: string, snapshotId: Id): Promise<boolean> {
    const { volumes, clones } = this.#context.catalog.read
    if ((await volumes.creatingFromCut(snapshotId)) > 0) return true
    return (await clones.ofSnapshot(snapshotId)).some(({ place }) => place?.node === node)
  }

  async #noteNode({ node }: NodeRecords): Promise<void> {
    const { name, zone, nbdUnixPath, nbdTcpAddress } = node
    const { catalog } = this.#context
    const known = await catalog.read.nodes.find(name)
    const same =
      known?.zone === zone &&
      known.nbdUnixPath === nbdUnixPath &&
      known.nbdTcpAddress === nbdTcpAddress
    if (same) return
    await catalog.writeWithReserve(
      async (tables) => await tables.nodes.put({ name, zone, nbdUnixPath, nbdTcpAddress }),
    )
  }

  async #noteHydrated({ node, volumes }: NodeRecords): Promise<void> {
    const { catalog } = this.#context
    const full = volumes.filter(({ hydrated }) => hydrated).map(({ volumeId }) => volumeId)
    for (const id of await catalog.read.volumes.hydratingOf(node.name, full)) {
      await catalog.writeWithReserve(
        async (tables) => await tables.volumes.update(id, { hydrated: true }),
      )
    }
  }

  // A held pin was taken over by the node; it has no use once no root there refers to the origin.
  async #releasePins(records: NodeRecords): Promise<void> {
    const { node, origins } = records
    const { catalog, log } = this.#context
    const used = origins.map(({ pinId }) => pinId)
    const unused = await catalog.read.pins.heldBy(node.name, used)
    if (unused.length === 0 || (await this.#isAnotherPool(records))) return
    // A pin may have become held while it was read, by an order younger than these records.
    if (!this.#isFresh(records)) return
    for (const pin of unused) {
      await catalog.writeWithReserve(async (tables) => await tables.pins.remove(pin.id))
      this.#onGarbage()
      log.debug({ pin: pin.id, snapshot: pin.snapshotId, node: node.name }, 'pin released')
    }
  }

  // That an origin is not listed proves something only in the pool that was ordered to have it: one that
  // is empty, or of yesterday, lacks volumes that nobody deleted.
  async #isAnotherPool({ node, volumes }: NodeRecords): Promise<boolean> {
    const { catalog, log } = this.#context
    const listed = new Set<string>(volumes.map(({ volumeId }) => volumeId))
    const lost = (await catalog.read.volumes.ofNode(node.name)).find(
      ({ id, state }) => (state === 'available' || state === 'growing') && !listed.has(id),
    )
    if (lost === undefined) return false
    log.warn(
      { node: node.name, volume: lost.id },
      'the node lacks a volume: pins are kept until it is there again or deleted',
    )
    return true
  }

  async #forgetTombstones(records: NodeRecords, signal: AbortSignal): Promise<void> {
    const { catalog } = this.#context
    const waiting = await catalog.read.orders.targets(records.node.name)
    for (const { id } of records.tombstones) {
      // While a row or an order still speaks of it, a late order may come, and must be refused.
      if (waiting.has(id) || (await hasRow(catalog.read, id, records.node.name))) continue
      await this.#order(records.node.name, { kind: 'forgetTombstone', id }, signal)
    }
  }

  async #reportOrphans(records: NodeRecords): Promise<void> {
    const { catalog, log } = this.#context
    const waiting = await catalog.read.orders.targets(records.node.name)
    const ids = [
      ...records.volumes.map(({ volumeId }) => volumeId),
      ...records.attachments.map(({ attachmentId }) => attachmentId),
      ...records.cuts.filter(({ hidden }) => !hidden).map(({ snapshotId }) => snapshotId),
      ...records.clones.map(({ cloneId }) => cloneId),
    ]
    const before = this.#known.get(records.node.name)
    const known = new Set<string>()
    for (const id of ids) {
      // Looked at once only: a list has everything, and one change of it costs one look.
      if (before?.has(id) === true || waiting.has(id)) {
        if (before?.has(id) === true) known.add(id)
        continue
      }
      if (!(await hasRow(catalog.read, id, records.node.name))) {
        // Its row may have gone, rightly, since the records were taken.
        if (!this.#isFresh(records)) return
        log.warn(
          { node: records.node.name, id },
          'orphan: the node has a record without a row; it is kept',
        )
      }
      known.add(id)
    }
    this.#known.set(records.node.name, known)
  }

  #isFresh(records: NodeRecords): boolean {
    return linkOf(this.#context, records.node.name).freshRecords === records
  }

  async #order(node: string, order: PoolOrder, signal: AbortSignal): Promise<void> {
    const options = { timeoutMs: timing.orderMs, signal }
    await linkOf(this.#context, node).order(order, options)
  }
}

function orderOf(row: OrderRow): PoolOrder {
  return row.kind === 'sealed'
    ? { kind: 'sealed', snapshotId: row.target, rootHex: row.rootHex }
    : { kind: 'dropCut', snapshotId: row.target }
}

function isGone(code: string): boolean {
  return code === 'SNAPSHOT_NOT_FOUND' || code === 'NOT_FOUND'
}

/** What a record of the node belongs to is known here. */
async function hasRow(tables: Tables, id: string, node: string): Promise<boolean> {
  if (!isId(id)) return false
  if ((await tables.volumes.find(id)) !== undefined) return true
  if ((await tables.attachments.find(id)) !== undefined) return true
  if ((await tables.clones.find(id)) !== undefined) return true
  // The image of a clone that outlives its snapshot until this node has dropped it.
  const clones = await tables.clones.ofSnapshot(id)
  if (clones.some(({ place }) => place?.node === node)) return true
  return (await tables.snapshots.find(id)) !== undefined
}
