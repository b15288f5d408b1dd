// Volumes: the row says what shall be, the node's record what is. A row is written before anything
// is ordered; its state names the order that is still owed, and a drive delivers it.

import { assertNever } from '../../../base/assert-never.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Reference } from '../../../base/reference.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { Page, PageRequest } from '../../../catalog/page.js'
import type { VolumeRow } from '../../../catalog/rows.js'
import type { VolumeChange, VolumeFilter } from '../../../catalog/volumes.js'
import type { PoolOrder } from '../../../native/binding.js'
import type { Step } from '../core/drives.js'
import { nowMs } from '../core/now.js'
import type { Claim } from '../core/request-log.js'
import { resolveVolume } from '../core/resolve.js'
import type { CreateVolume, DeleteObject, UpdateVolume } from '../core/specs.js'
import {
  type RegionContext,
  atMost,
  checkEtag,
  chooseName,
  linkOf,
  revisionAfter,
  timing,
} from '../nodes/context.js'
import type { Housekeeping } from '../nodes/housekeeping.js'
import { isTransient } from '../nodes/node-link.js'
import type { Placement } from './placement.js'
import type { VolumeView, Views } from './views.js'

export interface VolumesOptions {
  readonly context: RegionContext
  readonly views: Views
  readonly placement: Placement
  readonly housekeeping: Housekeeping
}

export class Volumes {
  readonly #context: RegionContext
  readonly #views: Views
  readonly #placement: Placement
  readonly #housekeeping: Housekeeping

  constructor(options: VolumesOptions) {
    this.#context = options.context
    this.#views = options.views
    this.#placement = options.placement
    this.#housekeeping = options.housekeeping
  }

  async create(spec: CreateVolume): Promise<VolumeView> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'CreateVolume',
      args,
      run: async (claim) => await this.#finishCreate(await this.#insert(spec, claim)),
      resume: async (id) => await this.#finishCreate(id),
    })
  }

  async get(reference: Reference): Promise<VolumeView> {
    const tables = this.#context.catalog.read
    return await this.#views.volume(tables, await resolveVolume(tables, reference, this.#context))
  }

  async list(filter: VolumeFilter, page: PageRequest): Promise<Page<VolumeView>> {
    const tables = this.#context.catalog.read
    const { rows, ...rest } = await tables.volumes.page(filter, page)
    return { ...rest, rows: await this.#views.volumes(tables, rows) }
  }

  async update(spec: UpdateVolume): Promise<VolumeView> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'UpdateVolume',
      args,
      run: async (claim) => {
        const { id, answer } = await this.#change(spec, claim)
        return answer ?? (await this.#finishGrow(id, spec))
      },
      resume: async (id) => await this.#finishGrow(await this.#growAgain(id, spec), spec),
    })
  }

  /** Answers the volume while its node has still to be told; undefined when it is gone. */
  async delete(spec: DeleteObject): Promise<VolumeView | undefined> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'DeleteVolume',
      args,
      run: async (claim) => await this.#finishDelete(await this.#condemn(spec, claim)),
      resume: async (id) => await this.#finishDelete(id),
    })
  }

  /** Looks at what a former life of the daemon left under way. */
  async lookAll(): Promise<void> {
    for (const { id } of await this.#context.catalog.read.volumes.unsettled()) void this.#drive(id)
  }

  #drive(id: Id): Promise<void> {
    const settled = this.#context.drives.look(`volume ${id}`, (signal) => this.#step(id, signal))
    // Also for those who do not wait.
    settled.catch((thrown: unknown) => {
      const error = asAshlarError(thrown)
      if (!isTransient(error)) this.#context.log.warn({ err: error, volume: id }, 'order refused')
    })
    return settled
  }

  async #insert(spec: CreateVolume, claim: Claim): Promise<Id> {
    const context = this.#context
    const id = context.newId()
    await context.catalog.write(async (tables) => {
      const place = await this.#placement.choose(tables, spec, id)
      if (place.pin !== undefined) await tables.pins.insert(place.pin)
      const { bytes, node, source, hydrated, inherited } = place
      const name = await chooseName(spec.name, (name) => tables.volumes.holdingName(name))
      await tables.volumes.insert({
        id,
        name,
        zone: spec.zone,
        node,
        state: 'creating',
        bytes,
        grantedBytes: bytes,
        revision: 1,
        labels: {
          userTags: spec.userTags,
          resourceGroup: spec.resourceGroup,
          operatingSystem: spec.operatingSystem ?? inherited?.operatingSystem,
          sourceImage: spec.sourceImage ?? inherited?.sourceImage,
        },
        source,
        hydrated,
        fullSeal: false,
        auditedMs: undefined,
        createdMs: nowMs(context.clock),
      })
      await claim(tables, id)
    })
    return id
  }

  // The caller gets a volume that is there, or an error and nothing: a volume whose node does not
  // answer in time is taken back, which its drive does whenever the node returns.
  async #finishCreate(id: Id): Promise<VolumeView> {
    const { catalog, clock } = this.#context
    const waited = await atMost(timing.orderMs, clock, this.#drive(id))
    if (waited === 'late') {
      const undone = await catalog.writeWithReserve(async (tables) => {
        const row = await tables.volumes.find(id)
        // Somebody else may be taking it back already.
        if (row?.state !== 'creating' && row?.state !== 'deleting') return undefined
        await tables.volumes.update(id, { state: 'deleting' })
        await tables.requests.removeOf(id)
        return row
      })
      if (undone !== undefined) {
        void this.#drive(id)
        throw unavailable(undone)
      }
    }
    return await this.get({ kind: 'id', id })
  }

  // The answer is of the transaction of the change: another may follow before anything else is read.
  // There is none yet for who grows it.
  async #change(
    spec: UpdateVolume,
    claim: Claim,
  ): Promise<{ readonly id: Id; readonly answer: VolumeView | undefined }> {
    const context = this.#context
    return await context.catalog.write(async (tables) => {
      const row = await resolveVolume(tables, spec.volume, context)
      checkEtag(spec.etag, row)
      const change = this.#changeOf(row, spec)
      await tables.volumes.update(row.id, change)
      if (change.name !== undefined) await tables.snapshots.renameSource(row.id, change.name)
      await claim(tables, row.id)
      const now = await resolveVolume(tables, { kind: 'id', id: row.id }, context)
      const grows = now.state === 'growing' && spec.capacityBytes !== undefined
      return { id: row.id, answer: grows ? undefined : await this.#views.volume(tables, now) }
    })
  }

  // The node may have refused to grow it after the rest was done; who repeats the call means all of it.
  async #growAgain(id: Id, { capacityBytes = 0n, ...spec }: UpdateVolume): Promise<Id> {
    const { volume, etag, requestId } = spec
    await this.#context.catalog.write(async (tables) => {
      const row = await tables.volumes.find(id)
      if (row === undefined || capacityBytes <= row.bytes) return
      const grow = { volume, capacityBytes, etag, requestId }
      await tables.volumes.update(id, this.#changeOf(row, grow))
    })
    return id
  }

  #changeOf(row: VolumeRow, spec: UpdateVolume): VolumeChange {
    const { name, userTags, capacityBytes } = spec
    const labels = {
      ...(name === undefined ? {} : { name }),
      ...(userTags === undefined ? {} : { userTags }),
      revision: revisionAfter(row, spec),
    }
    if (capacityBytes === undefined || capacityBytes === row.bytes) return labels
    if (capacityBytes < row.bytes) {
      throw new AshlarError(
        'CAPACITY_SHRINK',
        `volume ${row.id} has ${row.bytes} bytes and cannot shrink to ${capacityBytes}`,
        { field: 'capacity_bytes' },
      )
    }
    if (row.state !== 'available' && row.state !== 'growing') throw notReady(row)
    linkOf(this.#context, row.node).requireHere()
    return { ...labels, bytes: capacityBytes, state: 'growing' }
  }

  async #finishGrow(id: Id, { capacityBytes = 0n }: UpdateVolume): Promise<VolumeView> {
    const { catalog, clock } = this.#context
    const row = await catalog.read.volumes.find(id)
    if (row?.state === 'growing') {
      try {
        const waited = await atMost(timing.orderMs, clock, this.#drive(id))
        if (waited === 'late') throw unavailable(row)
      } catch (thrown) {
        // What was refused, or is late, may be another's who asked for more.
        const now = await catalog.read.volumes.find(id)
        if (now === undefined || now.grantedBytes < capacityBytes) throw thrown
      }
    }
    return await this.get({ kind: 'id', id })
  }

  async #condemn(spec: DeleteObject, claim: Claim): Promise<Id> {
    const context = this.#context
    return await context.catalog.writeWithReserve(async (tables) => {
      const row = await resolveVolume(tables, spec.target, context)
      checkEtag(spec.etag, row)
      const attachment = await tables.attachments.ofVolume(row.id)
      if (attachment !== undefined) {
        throw new AshlarError(
          'VOLUME_IN_USE',
          `volume ${row.id} is attached to host ${attachment.host}; detach it first`,
          { field: 'volume', metadata: { attachment: attachment.id, host: attachment.host } },
        )
      }
      await tables.volumes.update(row.id, { state: 'deleting' })
      await claim(tables, row.id)
      return row.id
    })
  }

  async #finishDelete(id: Id): Promise<VolumeView | undefined> {
    const { catalog, clock } = this.#context
    await atMost(timing.orderMs, clock, this.#drive(id))
    const row = await catalog.read.volumes.find(id)
    return row === undefined ? undefined : await this.#views.volume(catalog.read, row)
  }

  async #step(id: Id, signal: AbortSignal): Promise<Step> {
    const row = await this.#context.catalog.read.volumes.find(id)
    if (row === undefined) return { kind: 'rest' }
    switch (row.state) {
      case 'creating':
        return await this.#stepCreate(row, signal)
      case 'growing':
        return await this.#stepGrow(row, signal)
      case 'deleting':
        return await this.#stepDelete(row, signal)
      case 'available':
        return { kind: 'rest' }
      default:
        return assertNever(row.state)
    }
  }

  async #stepCreate(row: VolumeRow, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const order = await this.#createOrder(row)
    const refused = await this.#order(row, order, signal)
    if (refused === undefined) {
      await catalog.writeWithReserve(async (tables) => {
        if (row.source.kind === 'origin') await tables.pins.hold(row.source.pinId)
        const now = await tables.volumes.find(row.id)
        if (now?.state === 'creating') await tables.volumes.update(row.id, { state: 'available' })
      })
      // The drop of its cut may have waited for it. And when an earlier answer was lost, the node may
      // have let go of its origin already, and says nothing more for seconds.
      this.#housekeeping.look(row.node)
      return { kind: 'again' }
    }
    if (isTransient(refused)) return { kind: 'retry', error: refused }
    if (await this.#placement.replaceLostCut(row, refused)) return { kind: 'again' }
    const isLast = await catalog.writeWithReserve(async (tables) => {
      const now = await tables.volumes.find(row.id)
      // Whoever deletes it waits for that, and not for what its maker asked.
      if (now?.state !== 'creating') return false
      await this.#forget(tables, row)
      return true
    })
    return isLast ? { kind: 'failed', error: refused } : { kind: 'again' }
  }

  async #createOrder(row: VolumeRow): Promise<PoolOrder> {
    const { id: volumeId, bytes, source } = row
    if (source.kind === 'empty') return { kind: 'createVolume', volumeId, bytes }
    if (source.kind === 'cut') {
      return { kind: 'createVolume', volumeId, bytes, cutSnapshotId: source.snapshotId }
    }
    const pin = await this.#context.catalog.read.pins.find(source.pinId)
    if (pin === undefined) throw new AshlarError('INTERNAL', `volume ${row.id} has lost its pin`)
    const { snapshotId, manifest, id: pinId } = pin
    return { kind: 'createVolume', volumeId, bytes, origin: { snapshotId, manifest, pinId } }
  }

  // The node has no record of it: neither the pin nor the request has an effect to stand for.
  async #forget(tables: Tables, row: VolumeRow): Promise<void> {
    if (row.source.kind === 'origin') await tables.pins.remove(row.source.pinId)
    await tables.requests.removeOf(row.id)
    await tables.volumes.remove(row.id)
  }

  async #stepGrow(row: VolumeRow, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const { id, bytes, grantedBytes } = row
    const refused = await this.#order(row, { kind: 'growVolume', volumeId: id, bytes }, signal)
    if (refused !== undefined && isTransient(refused)) return { kind: 'retry', error: refused }
    const granted = refused === undefined ? bytes : grantedBytes
    const settled = await catalog.writeWithReserve(async (tables) => {
      const now = await tables.volumes.find(id)
      // It may have been asked to grow further, or to go, meanwhile.
      const last = now?.state === 'growing' && now.bytes === bytes
      await tables.volumes.update(id, {
        grantedBytes: granted,
        ...(last ? { bytes: granted, state: 'available' } : {}),
      })
      return last
    })
    return settled && refused !== undefined ? { kind: 'failed', error: refused } : { kind: 'again' }
  }

  async #stepDelete(row: VolumeRow, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const refused = await this.#order(row, { kind: 'deleteVolume', volumeId: row.id }, signal)
    if (refused !== undefined) return { kind: 'retry', error: refused }
    await catalog.writeWithReserve(async (tables) => {
      // A pin never acknowledged was never taken over by the node; one that was goes with its origin.
      if (row.source.kind === 'origin') {
        const pin = await tables.pins.find(row.source.pinId)
        if (pin?.state === 'claimed') await tables.pins.hold(pin.id)
      }
      await tables.volumes.remove(row.id)
    })
    this.#housekeeping.look(row.node)
    return { kind: 'rest' }
  }

  /** Undefined when it is done, else what the node (or its absence) says. */
  async #order(
    row: VolumeRow,
    order: PoolOrder,
    signal: AbortSignal,
  ): Promise<AshlarError | undefined> {
    try {
      await linkOf(this.#context, row.node).order(order, { timeoutMs: timing.orderMs, signal })
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      return asAshlarError(thrown)
    }
  }
}

export function notReady(row: VolumeRow): AshlarError {
  return new AshlarError(
    'FAILED_PRECONDITION',
    `volume ${row.id} is ${row.state}; it must be available`,
    { field: 'volume', metadata: { state: row.state } },
  )
}

function unavailable(row: VolumeRow): AshlarError {
  return new AshlarError(
    'REMOTE_UNAVAILABLE',
    `node ${row.node} of zone ${row.zone} did not answer within ${timing.orderMs / 1000} s`,
    { retryDelayMs: 1000, metadata: { zone: row.zone, node: row.node } },
  )
}
