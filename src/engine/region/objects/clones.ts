// Fast-restore clones: a row says that a zone shall have one, and a drive makes it so once the
// snapshot is stable. The node and the pin are written before the order; the node's records say when
// the clone is available, and when it is lost, in which case it is built again under a new id.

import { assertNever } from '../../../base/assert-never.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Reference } from '../../../base/reference.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { ClonePlace, CloneRow, Reason } from '../../../catalog/rows.js'
import type { PoolOrder } from '../../../native/binding.js'
import type { Step } from '../core/drives.js'
import { nowMs } from '../core/now.js'
import { resolveSnapshot } from '../core/resolve.js'
import type { ChangeClone, NameClone } from '../core/specs.js'
import { makePin } from '../jobs/make-pin.js'
import { type RegionContext, linkOf, timing } from '../nodes/context.js'
import type { Housekeeping } from '../nodes/housekeeping.js'
import { type NodeLink, isTransient } from '../nodes/node-link.js'
import { holdsCut, nodesOfZone, roomiest } from '../nodes/zone-nodes.js'
import type { CloneView, Views } from './views.js'

export interface ClonesOptions {
  readonly context: RegionContext
  readonly views: Views
  readonly housekeeping: Housekeeping
}

type Placed = CloneRow & { readonly place: ClonePlace }

export class Clones {
  readonly #context: RegionContext
  readonly #views: Views
  readonly #housekeeping: Housekeeping

  constructor(options: ClonesOptions) {
    this.#context = options.context
    this.#views = options.views
    this.#housekeeping = options.housekeeping
  }

  /** Answers the clone that is there already, if one is. */
  async create(spec: ChangeClone): Promise<CloneView> {
    const { requestId, ...args } = spec
    const context = this.#context
    return await context.requests.once({
      requestId,
      method: 'CreateSnapshotClone',
      args,
      run: async (claim) => {
        // The answer is of the transaction that wants it: it may be deleted before anything else is read.
        const { id, answer } = await context.catalog.write(async (tables) => {
          const snapshot = await resolveSnapshot(tables, spec.snapshot, context)
          if (snapshot.state === 'failed' || snapshot.state === 'deleting') {
            throw new AshlarError(
              'SNAPSHOT_FAILED',
              `snapshot ${snapshot.id} ${snapshot.state === 'failed' ? 'has failed' : 'is being deleted'}`,
              { field: 'snapshot', metadata: { snapshot: snapshot.id } },
            )
          }
          nodesOfZone(context, spec.zone, 'zone')
          const found = await cloneIn(tables, snapshot.id, spec.zone)
          const id = found?.id ?? (await this.#insert(tables, snapshot.id, spec.zone))
          await claim(tables, id)
          return { id, answer: await this.#view(tables, id) }
        })
        void this.#drive(id)
        return answer
      },
      resume: async (id) => await this.#view(context.catalog.read, id),
    })
  }

  async get(spec: NameClone): Promise<CloneView> {
    const tables = this.#context.catalog.read
    const snapshot = await resolveSnapshot(tables, spec.snapshot, this.#context)
    const row = await cloneIn(tables, snapshot.id, spec.zone)
    if (row === undefined) throw notFound(snapshot.id, spec.zone)
    return this.#views.clone(row, snapshot)
  }

  /** By zone. */
  async list(reference: Reference): Promise<readonly CloneView[]> {
    const tables = this.#context.catalog.read
    return await this.#views.clones(tables, await resolveSnapshot(tables, reference, this.#context))
  }

  /** It is gone for the caller at once; its node drops it in time. */
  async delete(spec: ChangeClone): Promise<void> {
    const { requestId, ...args } = spec
    const context = this.#context
    return await context.requests.once({
      requestId,
      method: 'DeleteSnapshotClone',
      args,
      run: async (claim) => {
        const id = await context.catalog.writeWithReserve(async (tables) => {
          const snapshot = await resolveSnapshot(tables, spec.snapshot, context)
          const row = await cloneIn(tables, snapshot.id, spec.zone)
          if (row === undefined) throw notFound(snapshot.id, spec.zone)
          await tables.clones.update(row.id, { state: 'deleting' })
          await claim(tables, row.id)
          return row.id
        })
        void this.#drive(id)
      },
      resume: async () => undefined,
    })
  }

  /** To be called in the transaction that writes the snapshot. Requires: no duplicates. */
  async want(tables: Tables, snapshotId: Id, zones: readonly string[]): Promise<void> {
    for (const zone of zones) {
      nodesOfZone(this.#context, zone, 'clone_zones')
      await this.#insert(tables, snapshotId, zone)
    }
  }

  /** The snapshot's state has changed: it is stable, or it takes its clones along. */
  async lookAtSnapshot(snapshotId: Id): Promise<void> {
    for (const { id } of await this.#context.catalog.read.clones.ofSnapshot(snapshotId)) {
      void this.#drive(id)
    }
  }

  /** A node's records changed. */
  async look(node: string): Promise<void> {
    const records = linkOf(this.#context, node).freshRecords
    if (records === undefined) return
    const available = new Map<string, boolean>(
      records.clones.map((clone) => [clone.cloneId, clone.available]),
    )
    for (const { id, state } of await this.#context.catalog.read.clones.ofNode(node)) {
      const now = available.get(id)
      const moved =
        state === 'building' ? now !== false : state === 'available' && now === undefined
      if (moved) void this.#drive(id)
    }
  }

  /** Looks at what a former life of the daemon left under way. */
  async lookAll(): Promise<void> {
    for (const { id } of await this.#context.catalog.read.clones.unsettled()) void this.#drive(id)
  }

  #drive(id: Id): Promise<void> {
    return this.#context.drives.look(`clone ${id}`, (signal) => this.#step(id, signal))
  }

  async #view(tables: Tables, id: Id): Promise<CloneView> {
    const row = await tables.clones.find(id)
    const snapshot = row === undefined ? undefined : await tables.snapshots.find(row.snapshotId)
    if (row === undefined || snapshot === undefined) {
      throw new AshlarError('NOT_FOUND', 'the clone has been deleted since')
    }
    return this.#views.clone(row, snapshot)
  }

  async #insert(tables: Tables, snapshotId: Id, zone: string, createdMs?: number): Promise<Id> {
    const { newId, clock } = this.#context
    const id = newId()
    await tables.clones.insert({
      id,
      snapshotId,
      zone,
      state: 'wanted',
      place: undefined,
      reason: undefined,
      createdMs: createdMs ?? nowMs(clock),
    })
    return id
  }

  async #step(id: Id, signal: AbortSignal): Promise<Step> {
    const tables = this.#context.catalog.read
    const row = await tables.clones.find(id)
    if (row === undefined) return { kind: 'rest' }
    if (row.state === 'deleting') return await this.#stepDelete(row, signal)
    const { place } = row
    if (place === undefined) return await this.#stepPlace(row)
    const placed = { ...row, place }
    const link = this.#context.links.get(place.node)
    // A node that was taken out of the configuration took its clones along.
    if (link === undefined) return await this.#rebuild(placed)
    switch (row.state) {
      case 'wanted':
        return await this.#stepOrder(placed, signal)
      case 'building':
      case 'available':
        return await this.#stepLook(placed, link)
      default:
        return assertNever(row.state)
    }
  }

  async #stepPlace(row: CloneRow): Promise<Step> {
    const context = this.#context
    const tables = context.catalog.read
    const snapshot = await tables.snapshots.find(row.snapshotId)
    // `lookAtSnapshot` comes when it is stable, or takes the clone along.
    if (snapshot?.state !== 'stable') return { kind: 'rest' }
    // The node must not mix up the two; the end of the other looks here.
    const others = await tables.clones.ofSnapshot(row.snapshotId)
    if (others.some(({ zone, state }) => zone === row.zone && state === 'deleting')) {
      return { kind: 'rest' }
    }
    try {
      const links = nodesOfZone(context, row.zone, 'zone')
      const holders = links.filter((link) => holdsCut(link, snapshot))
      await this.#assign(row, roomiest(holders.length > 0 ? holders : links))
      return { kind: 'again' }
    } catch (thrown) {
      return await this.#retry(row, asAshlarError(thrown))
    }
  }

  async #assign(row: CloneRow, link: NodeLink): Promise<void> {
    await this.#context.catalog.write(async (tables) => {
      const snapshot = await tables.snapshots.find(row.snapshotId)
      const now = await tables.clones.find(row.id)
      if (snapshot === undefined || now?.state !== 'wanted' || now.place !== undefined) return
      const what = { holder: link.name, purpose: 'clone', objectId: row.id } as const
      const pin = makePin(this.#context, snapshot, what)
      if (pin === undefined) return
      await tables.pins.insert(pin)
      await tables.clones.update(row.id, { place: { node: link.name, pinId: pin.id } })
    })
  }

  async #stepOrder(row: Placed, signal: AbortSignal): Promise<Step> {
    const { node, pinId } = row.place
    const { catalog } = this.#context
    const pin = await catalog.read.pins.find(pinId)
    if (pin === undefined) throw new AshlarError('INTERNAL', `clone ${row.id} has lost its pin`)
    const { snapshotId, manifest } = pin
    const baseSnapshotId = await baseOn(catalog.read, linkOf(this.#context, node), snapshotId)
    const refused = await this.#order(node, signal, {
      kind: 'createClone',
      cloneId: row.id,
      snapshotId,
      origin: { snapshotId, manifest, pinId },
      ...(baseSnapshotId === undefined ? {} : { baseSnapshotId }),
    })
    if (refused === undefined) {
      await catalog.writeWithReserve(async (tables) => {
        await tables.pins.hold(pinId)
        const now = await tables.clones.find(row.id)
        if (now?.state !== 'wanted') return
        await tables.clones.update(row.id, { state: 'building', reason: null })
      })
      // When an earlier answer was lost, the node may have it all, and says nothing more for seconds.
      this.#housekeeping.look(node)
      return { kind: 'again' }
    }
    // The same order again: an earlier attempt may have been done, or may still be under way.
    return refused.code === 'TOMBSTONE' ? await this.#rebuild(row) : await this.#retry(row, refused)
  }

  async #stepLook(row: Placed, link: NodeLink): Promise<Step> {
    const records = link.freshRecords
    // `look` comes when they do.
    if (records === undefined) return { kind: 'rest' }
    const record = records.clones.find(({ cloneId }) => cloneId === row.id)
    if (record === undefined) return await this.#rebuild(row)
    if (row.state === 'available' || !record.available) return { kind: 'rest' }
    await this.#context.catalog.writeWithReserve(async (tables) => {
      const now = await tables.clones.find(row.id)
      if (now?.state === 'building') await tables.clones.update(row.id, { state: 'available' })
    })
    return { kind: 'rest' }
  }

  // A new id, so that nothing that is still said about the lost one can be meant for it.
  async #rebuild(row: Placed): Promise<Step> {
    const { catalog, log } = this.#context
    log.warn(
      { clone: row.id, snapshot: row.snapshotId, ...row.place },
      'clone is lost: built again',
    )
    const id = await catalog.write(async (tables) => {
      const now = await tables.clones.find(row.id)
      if (now === undefined || now.state === 'deleting') return undefined
      await tables.pins.hold(row.place.pinId)
      await tables.clones.remove(row.id)
      return await this.#insert(tables, row.snapshotId, row.zone, row.createdMs)
    })
    if (id === undefined) return { kind: 'again' }
    this.#housekeeping.look(row.place.node)
    void this.#drive(id)
    return { kind: 'rest' }
  }

  async #stepDelete(row: CloneRow, signal: AbortSignal): Promise<Step> {
    const { catalog, links } = this.#context
    const { place } = row
    const node = place !== undefined && links.has(place.node) ? place.node : undefined
    if (node !== undefined) {
      if ((await catalog.read.volumes.creatingFromCut(row.snapshotId)) > 0) {
        const message = `clone ${row.id} is still needed: a volume is being made from it`
        return { kind: 'retry', error: new AshlarError('FAILED_PRECONDITION', message) }
      }
      const refused = await this.#order(node, signal, { kind: 'deleteClone', cloneId: row.id })
      if (refused !== undefined) return { kind: 'retry', error: refused }
    }
    await catalog.writeWithReserve(async (tables) => {
      // From here the node's list of origins decides about the pin.
      if (node !== undefined && place !== undefined) await tables.pins.hold(place.pinId)
      else if (place !== undefined) await tables.pins.remove(place.pinId)
      await tables.clones.remove(row.id)
    })
    if (node !== undefined) this.#housekeeping.look(node)
    await this.lookAtSnapshot(row.snapshotId)
    return { kind: 'rest' }
  }

  async #retry(row: CloneRow, error: AshlarError): Promise<Step> {
    const reason = { code: reasonCode(error), message: error.message }
    if (row.reason?.code !== reason.code || row.reason.message !== reason.message) {
      await this.#context.catalog.writeWithReserve(
        async (tables) => await tables.clones.update(row.id, { reason }),
      )
      this.#context.log.warn({ clone: row.id, reason }, 'clone waits')
    }
    return { kind: 'retry', error }
  }

  /** Undefined when it is done, else what the node (or its absence) says. */
  async #order(
    node: string,
    signal: AbortSignal,
    order: PoolOrder,
  ): Promise<AshlarError | undefined> {
    try {
      await linkOf(this.#context, node).order(order, { timeoutMs: timing.orderMs, signal })
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      return asAshlarError(thrown)
    }
  }
}

async function cloneIn(
  tables: Tables,
  snapshotId: Id,
  zone: string,
): Promise<CloneRow | undefined> {
  const rows = await tables.clones.ofSnapshot(snapshotId)
  return rows.find((row) => row.zone === zone && row.state !== 'deleting')
}

/** The newest other snapshot of the volume whose content is on the node. Only saves traffic. */
async function baseOn(tables: Tables, link: NodeLink, snapshotId: Id): Promise<Id | undefined> {
  const snapshot = await tables.snapshots.find(snapshotId)
  if (snapshot?.sourceVolume === undefined) return undefined
  const others = await tables.snapshots.stableOfVolume(snapshot.sourceVolume.id)
  return others.find((other) => other.id !== snapshotId && holdsCut(link, other))?.id
}

function notFound(snapshotId: Id, zone: string): AshlarError {
  return new AshlarError('NOT_FOUND', `snapshot ${snapshotId} has no clone in zone ${zone}`, {
    field: 'zone',
    metadata: { snapshot: snapshotId, zone },
  })
}

// Words of ashlar.v1.SnapshotClone.reasons.
function reasonCode(error: AshlarError): Reason['code'] {
  if (isTransient(error)) return 'zone_unreachable'
  return error.code === 'NO_SPACE' ? 'pool_full' : 'internal_error'
}
