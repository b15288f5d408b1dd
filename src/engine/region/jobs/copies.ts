// Copies that other regions make of our snapshots. While one is made, a pin keeps the content here,
// whatever becomes of the snapshot; then the row is what `copies[]` shows. A region that has not been
// heard of for days has given up: its pin goes, and should it come back, it opens again or fails.

import { AshlarError } from '../../../base/error.js'
import { type Id, quote } from '../../../base/ids.js'
import { parseReference } from '../../../base/reference.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { CopyRow, PinRow, SnapshotRow } from '../../../catalog/rows.js'
import type {
  CommitCopy,
  CopyControl,
  OpenCopy,
  OpenedCopy,
  ReleaseCopy,
} from '../../copy-control.js'
import { nowMs } from '../core/now.js'
import { resolveSnapshot } from '../core/resolve.js'
import type { RegionContext } from '../nodes/context.js'
import type { PeerLinks } from '../nodes/peer-link.js'
import { describeSnapshot } from './copy-description.js'
import { makePin } from './make-pin.js'

export interface CopiesOptions {
  readonly context: RegionContext
  readonly peers: PeerLinks
  /** Throws while nothing may be changed (recovery.ts). */
  readonly requireCurrent: () => void
  /** What `copies[]` of a snapshot shows has changed. */
  readonly onChange: (snapshotId: Id) => Promise<void>
}

/**
 * The clock only gives up; that nothing is read that has gone is decided by pins. The time of day counts
 * the week, also while the daemon does not run; it may have jumped, or nobody could reach us meanwhile: so
 * a day of silence that was really waited for comes on top.
 */
const silenceMaxMs = 7 * 24 * 3600 * 1000
const waitedMs = 24 * 3600 * 1000

export class Copies implements CopyControl {
  readonly #context: RegionContext
  readonly #peers: PeerLinks
  readonly #requireCurrent: () => void
  readonly #onChange: (snapshotId: Id) => Promise<void>
  /** Copies that are silent by the time of day; since when they are, by the clock that never jumps. */
  #silent = new Map<Id, number>()

  constructor({ context, peers, requireCurrent, onChange }: CopiesOptions) {
    this.#context = context
    this.#peers = peers
    this.#requireCurrent = requireCurrent
    this.#onChange = onChange
  }

  async open(request: OpenCopy): Promise<OpenedCopy> {
    this.#admit(request.region)
    return await this.#context.catalog.write(async (tables) => {
      const row = await tables.copies.find(request.copyId)
      if (row === undefined) return await this.#openNew(tables, request)
      requireOwner(row, request.region)
      const pin = row.pinId === undefined ? undefined : await tables.pins.find(row.pinId)
      if (pin === undefined) throw committed(row)
      await tables.copies.heard(row.id, nowMs(this.#context.clock))
      return opened(row, pin)
    })
  }

  async commit({ copyId, region, copyName }: CommitCopy): Promise<void> {
    this.#admit(region)
    const changed = await this.#context.catalog.writeWithReserve(async (tables) => {
      const row = await tables.copies.find(copyId)
      // It was given up here, and is complete there all the same.
      if (row === undefined) return undefined
      requireOwner(row, region)
      if (row.pinId !== undefined) await tables.pins.remove(row.pinId)
      const source = await tables.snapshots.find(row.snapshotId)
      if (source === undefined) await tables.copies.remove(copyId)
      else await tables.copies.commit(copyId, copyName)
      const same = row.pinId === undefined && row.name === copyName
      return same ? undefined : source?.id
    })
    if (changed !== undefined) await this.#onChange(changed)
  }

  async release({ copyId, region }: ReleaseCopy): Promise<void> {
    this.#admit(region)
    const changed = await this.#context.catalog.writeWithReserve(async (tables) => {
      const row = await tables.copies.find(copyId)
      if (row === undefined) return undefined
      requireOwner(row, region)
      await drop(tables, row)
      return row.pinId === undefined ? row.snapshotId : undefined
    })
    if (changed !== undefined) await this.#onChange(changed)
  }

  /** A pull of this pin has begun. */
  async heard(pin: PinRow): Promise<void> {
    const now = nowMs(this.#context.clock)
    await this.#context.catalog.writeWithReserve(
      async (tables) => await tables.copies.heard(pin.objectId, now),
    )
  }

  async giveUpSilent(): Promise<void> {
    const { catalog, clock, log } = this.#context
    const since = nowMs(clock) - silenceMaxMs
    const now = clock.monotonicMs()
    const found = await catalog.read.copies.silentSince(since)
    this.#silent = new Map(found.map(({ id }) => [id, this.#silent.get(id) ?? now]))
    for (const { id, snapshotId, region } of found) {
      if (now - (this.#silent.get(id) ?? now) < waitedMs) continue
      await catalog.writeWithReserve(async (tables) => {
        const row = await tables.copies.find(id)
        if (row?.pinId === undefined || row.contactMs >= since) return
        await drop(tables, row)
        log.warn({ copy: id, snapshot: snapshotId, region }, 'copy given up: no word for a week')
      })
    }
  }

  async #openNew(tables: Tables, request: OpenCopy): Promise<OpenedCopy> {
    const { clock, region } = this.#context
    const source = await this.#source(tables, request.snapshotCrn)
    const what = { holder: request.region, purpose: 'copy', objectId: request.copyId } as const
    const claimed = makePin(this.#context, source, what)
    if (claimed === undefined) throw notStable(source)
    // No order follows: the other region has it as soon as it is written.
    const pin: PinRow = { ...claimed, state: 'held' }
    const row: CopyRow = {
      id: request.copyId,
      snapshotId: source.id,
      region: request.region,
      crn: request.copyCrn,
      name: request.copyName,
      pinId: pin.id,
      description: describeSnapshot(source, region.name),
      contactMs: nowMs(clock),
      createdMs: nowMs(clock),
    }
    await tables.pins.insert(pin)
    await tables.copies.insert(row)
    return opened(row, pin)
  }

  async #source(tables: Tables, crn: string): Promise<SnapshotRow> {
    const reference = parseReference(crn, 'snapshot', 'snapshot_crn')
    return await resolveSnapshot(tables, reference, this.#context, 'snapshot_crn')
  }

  /** All calls of others change something. Throws PERMISSION_DENIED, and as `requireCurrent`. */
  #admit(region: string): void {
    this.#requireCurrent()
    if (this.#peers.has(region)) return
    throw new AshlarError(
      'PERMISSION_DENIED',
      `${quote(region)} is not among the peers of region ${this.#context.region.name}`,
      { field: 'region' },
    )
  }
}

async function drop(tables: Tables, row: CopyRow): Promise<void> {
  if (row.pinId !== undefined) await tables.pins.remove(row.pinId)
  await tables.copies.remove(row.id)
}

function opened({ snapshotId, description }: CopyRow, { id, manifest }: PinRow): OpenedCopy {
  return { pinId: id, manifest, snapshotId, description }
}

function requireOwner(row: CopyRow, region: string): void {
  if (row.region === region) return
  throw new AshlarError('PERMISSION_DENIED', `copy ${row.id} is of another region`, {
    field: 'copy_id',
  })
}

function committed({ id }: { readonly id: Id }): AshlarError {
  return new AshlarError('FAILED_PRECONDITION', `copy ${id} is complete`, { field: 'copy_id' })
}

function notStable({ id, state }: SnapshotRow): AshlarError {
  const options = { field: 'snapshot_crn', metadata: { snapshot: id } }
  if (state === 'failed') {
    return new AshlarError('SNAPSHOT_FAILED', `snapshot ${id} has failed`, options)
  }
  if (state === 'deleting') {
    return new AshlarError('SNAPSHOT_NOT_FOUND', `snapshot ${id} is being deleted`, options)
  }
  const message = `snapshot ${id} is pending; it can be copied when it is stable`
  return new AshlarError('SNAPSHOT_PENDING', message, options)
}
