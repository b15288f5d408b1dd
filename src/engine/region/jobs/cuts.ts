// The cut of a snapshot, from the order to its node until the row has it. A cut is of the instant at
// which its caller asked: one that cannot be made while that caller waits is not made at all.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import { limits } from '../../../base/limits.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { SnapshotRow } from '../../../catalog/rows.js'
import type { Step } from '../core/drives.js'
import { nowMs } from '../core/now.js'
import { type RegionContext, linkOf } from '../nodes/context.js'
import type { Housekeeping } from '../nodes/housekeeping.js'
import { isTransient } from '../nodes/node-link.js'
import { isCopy, regionOf } from './copy-jobs.js'

interface Captured {
  readonly epoch: number
  readonly bytes: bigint
  readonly capturedNs: bigint
}

export class Cuts {
  readonly #context: RegionContext
  readonly #housekeeping: Housekeeping
  // Ids whose caller still waits for the cut. Any other row without a cut is one that a former life
  // of the daemon left: its caller is gone, so a cut made now would be of the wrong time.
  readonly #awaited = new Map<Id, { readonly until: number }>()

  constructor(options: { readonly context: RegionContext; readonly housekeeping: Housekeeping }) {
    this.#context = options.context
    this.#housekeeping = options.housekeeping
  }

  /** A row was written whose caller waits from now on. */
  expect(id: Id): void {
    this.#awaited.set(id, { until: this.#context.clock.monotonicMs() + limits.cutTimeoutMs })
  }

  /** Settles when the row has the cut, or was deleted. Throws why there is none; then the row is gone. */
  async take(id: Id): Promise<void> {
    try {
      const row = await this.#context.catalog.read.snapshots.find(id)
      if (row?.state !== 'cutting') return
      const refused = await this.#cut(row)
      if (refused !== undefined) throw refused
    } finally {
      this.#awaited.delete(id)
    }
  }

  /** The first caller is gone and so is the daemon it called; the drive finds out what became of it. */
  async recovered(id: Id): Promise<void> {
    const { catalog, clock } = this.#context
    const until = clock.monotonicMs() + limits.cutTimeoutMs
    let row = await catalog.read.snapshots.find(id)
    while (row?.state === 'cutting') {
      if (clock.monotonicMs() > until) linkOf(this.#context, row.node).requireHere()
      await clock.sleep(100)
      const now = await catalog.read.snapshots.find(id)
      // There was no cut: the row is gone, the request_id with it, and the next call begins anew.
      if (now === undefined) throw noCut(row, 'before the region was restarted')
      row = now
    }
  }

  /** The daemon died between the row and the answer. The node knows whether there is a cut. */
  async stepUnknown(row: SnapshotRow): Promise<Step> {
    if (this.#awaited.has(row.id)) return { kind: 'rest' }
    const records = linkOf(this.#context, row.node).freshRecords
    // `Snapshots.look` comes when they do.
    if (records === undefined) return { kind: 'rest' }
    const cut = records.cuts.find(({ snapshotId }) => snapshotId === row.id)
    if (cut === undefined) await this.#giveUp(row)
    else await this.#captured(row.id, cut)
    return { kind: 'again' }
  }

  async #cut(row: SnapshotRow): Promise<AshlarError | undefined> {
    const { clock } = this.#context
    const link = linkOf(this.#context, row.node)
    const until = this.#awaited.get(row.id)?.until ?? clock.monotonicMs()
    if (row.sourceVolume === undefined) throw new AshlarError('INTERNAL', `${row.id} has no volume`)
    const volumeId = row.sourceVolume.id
    const signal = new AbortController().signal
    let refused = new AshlarError('REMOTE_UNAVAILABLE', `no cut within ${limits.cutTimeoutMs} ms`)
    for (;;) {
      const timeoutMs = Math.ceil(until - clock.monotonicMs())
      if (timeoutMs <= 0) break
      try {
        const members = [{ volumeId, snapshotId: row.id }]
        const order = { kind: 'cut', groupId: row.id, members } as const
        const { cuts } = await link.order(order, { timeoutMs, signal })
        const cut = cuts.find(({ snapshotId }) => snapshotId === row.id)
        if (cut === undefined) throw new AshlarError('PROTOCOL', 'a cut without its member')
        await this.#captured(row.id, cut)
        return undefined
      } catch (thrown) {
        refused = asAshlarError(thrown)
        // The next life of this daemon finds the row and asks the node.
        if (link.stopped) return refused
        if (!isTransient(refused) || !(await this.#isAwaited(row.id))) break
        await clock.sleep(Math.max(0, Math.min(200, until - clock.monotonicMs())))
      }
    }
    // Deleted meanwhile: whatever the node says is of the cut that was dropped.
    if (!(await this.#giveUp(row))) return undefined
    if (!isTransient(refused)) return refused
    return noCut(row, `within ${limits.cutTimeoutMs / 1000} s`, refused)
  }

  async #captured(id: Id, { epoch, bytes, capturedNs }: Captured): Promise<void> {
    await this.#context.catalog.writeWithReserve(async (tables) => {
      const now = await tables.snapshots.find(id)
      // It may have been deleted meanwhile; then that drops the cut.
      if (now?.state !== 'cutting') return
      await tables.snapshots.update(id, { state: 'captured', epoch, bytes, capturedNs })
    })
  }

  // Whether a late order still makes a cut is unknown; the drop leaves a tombstone that refuses it.
  /** False when the row was deleted by another. */
  async #giveUp(row: SnapshotRow): Promise<boolean> {
    const isOurs = await this.#context.catalog.writeWithReserve(async (tables) => {
      const now = await tables.snapshots.find(row.id)
      if (now?.state !== 'cutting') return false
      await tables.snapshots.remove(row.id)
      await tables.clones.condemnOf(row.id)
      await tables.requests.removeOf(row.id)
      await orderDrop(tables, row, this.#context)
      return true
    })
    this.#housekeeping.look(row.node)
    return isOurs
  }

  async #isAwaited(id: Id): Promise<boolean> {
    return (await this.#context.catalog.read.snapshots.find(id))?.state === 'cutting'
  }
}

/** What holds the content elsewhere may go: the cut on its node, the pin in its region. */
export async function orderDrop(
  tables: Tables,
  row: SnapshotRow,
  { links, clock }: RegionContext,
): Promise<void> {
  const { id: target, node } = row
  if (isCopy(row)) {
    const order = { kind: 'releaseCopy', peer: regionOf(row), target } as const
    await tables.peerOrders.insert({ ...order, createdMs: nowMs(clock) })
    return
  }
  // A node that was taken out of the configuration took its cuts along.
  if (!links.has(node)) return
  await tables.orders.insert({ kind: 'dropCut', node, target, createdMs: nowMs(clock) })
}

function noCut(row: SnapshotRow, when: string, cause?: AshlarError): AshlarError {
  return new AshlarError(
    'REMOTE_UNAVAILABLE',
    `node ${row.node} of zone ${row.zone} did not cut ${when}; nothing is left behind`,
    { cause, retryDelayMs: 1000, metadata: { zone: row.zone, node: row.node } },
  )
}
