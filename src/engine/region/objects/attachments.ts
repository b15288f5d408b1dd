// Attachments: one host a volume. Attaching is answered when the node's record is durable, because
// the NBD server obeys the record alone; detaching is done when the node has drained.

import { assertNever } from '../../../base/assert-never.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { AttachmentFilter } from '../../../catalog/attachments.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { Page, PageRequest } from '../../../catalog/page.js'
import type { AttachmentRow, VolumeRow } from '../../../catalog/rows.js'
import type { PoolOrder } from '../../../native/binding.js'
import type { Step } from '../core/drives.js'
import { nowMs } from '../core/now.js'
import type { Claim } from '../core/request-log.js'
import { resolveAttachment, resolveVolume } from '../core/resolve.js'
import type { CreateAttachment, DeleteAttachment } from '../core/specs.js'
import { type RegionContext, atMost, linkOf, timing } from '../nodes/context.js'
import type { Housekeeping } from '../nodes/housekeeping.js'
import { isTransient } from '../nodes/node-link.js'
import type { AttachmentView, Views } from './views.js'
import { notReady } from './volumes.js'

export interface AttachmentsOptions {
  readonly context: RegionContext
  readonly views: Views
  readonly housekeeping: Housekeeping
}

export class Attachments {
  readonly #context: RegionContext
  readonly #views: Views
  readonly #housekeeping: Housekeeping

  constructor(options: AttachmentsOptions) {
    this.#context = options.context
    this.#views = options.views
    this.#housekeeping = options.housekeeping
  }

  async create(spec: CreateAttachment): Promise<AttachmentView> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'CreateAttachment',
      args,
      run: async (claim) => {
        await this.#awaitDetach(spec)
        return await this.#finishCreate(await this.#insert(spec, claim))
      },
      resume: async (id) => await this.#finishCreate(id),
    })
  }

  async get(id: Id): Promise<AttachmentView> {
    const tables = this.#context.catalog.read
    return await this.#view(tables, await resolveAttachment(tables, id))
  }

  async list(filter: AttachmentFilter, page: PageRequest): Promise<Page<AttachmentView>> {
    const tables = this.#context.catalog.read
    const { rows, ...rest } = await tables.attachments.page(filter, page)
    const found = await tables.volumes.withIds(rows.map(({ volumeId }) => volumeId))
    const volumes = new Map(found.map((volume) => [volume.id, volume]))
    const views: AttachmentView[] = []
    for (const row of rows) {
      // It may have gone, with its volume, since the page was read.
      const volume = volumes.get(row.volumeId)
      if (volume !== undefined) views.push(await this.#views.attachment(tables, row, volume))
    }
    return { ...rest, rows: views }
  }

  /** Answers the attachment while it is still detaching; undefined when it is gone. */
  async delete(spec: DeleteAttachment): Promise<AttachmentView | undefined> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'DeleteAttachment',
      args,
      run: async (claim) => {
        await this.#context.catalog.writeWithReserve(async (tables) => {
          const row = await resolveAttachment(tables, spec.attachment)
          await tables.attachments.setState(row.id, 'detaching')
          await claim(tables, row.id)
        })
        return await this.#finishDelete(spec.attachment)
      },
      resume: async (id) => await this.#finishDelete(id),
    })
  }

  /** Looks at what a former life of the daemon, or a node taken over, left under way. */
  async lookAll(): Promise<void> {
    for (const { id } of await this.#context.catalog.read.attachments.unsettled())
      void this.#drive(id)
  }

  #drive(id: Id): Promise<void> {
    const settled = this.#context.drives.look(`attachment ${id}`, (signal) =>
      this.#step(id, signal),
    )
    settled.catch((thrown: unknown) => {
      const error = asAshlarError(thrown)
      if (!isTransient(error)) {
        this.#context.log.warn({ err: error, attachment: id }, 'order refused')
      }
    })
    return settled
  }

  // A host that comes back while its volume is still being detached waits for the end of that.
  async #awaitDetach(spec: CreateAttachment): Promise<void> {
    const { catalog, clock } = this.#context
    const volume = await resolveVolume(catalog.read, spec.volume, this.#context)
    const before = await catalog.read.attachments.ofVolume(volume.id)
    if (before?.state === 'detaching') await atMost(timing.orderMs, clock, this.#drive(before.id))
  }

  async #insert(spec: CreateAttachment, claim: Claim): Promise<Id> {
    const context = this.#context
    return await context.catalog.write(async (tables) => {
      const volume = await resolveVolume(tables, spec.volume, context)
      const before = await tables.attachments.ofVolume(volume.id)
      if (before !== undefined) {
        requireSame(before, spec)
        if (spec.wantTcp) await this.#requireTcp(tables, volume)
        await claim(tables, before.id)
        return before.id
      }
      if (volume.state !== 'available' && volume.state !== 'growing') throw notReady(volume)
      linkOf(context, volume.node).requireHere()
      if (spec.wantTcp) await this.#requireTcp(tables, volume)
      const id = context.newId()
      await tables.attachments.insert({
        id,
        volumeId: volume.id,
        host: spec.host,
        readOnly: spec.readOnly,
        state: 'attaching',
        createdMs: nowMs(context.clock),
      })
      await claim(tables, id)
      return id
    })
  }

  async #requireTcp(tables: Tables, volume: VolumeRow): Promise<void> {
    const { state } = linkOf(this.#context, volume.node)
    const node = state.kind === 'here' ? state.records.node : await tables.nodes.find(volume.node)
    if ((node?.nbdTcpAddress ?? '') === '') throw noTcp(volume)
  }

  async #finishCreate(id: Id): Promise<AttachmentView> {
    const { catalog, clock } = this.#context
    const waited = await atMost(timing.orderMs, clock, this.#drive(id))
    if (waited === 'late' && (await this.#takeBack(id))) {
      void this.#drive(id)
      throw new AshlarError(
        'REMOTE_UNAVAILABLE',
        `the node did not answer within ${timing.orderMs / 1000} s; nothing is attached`,
        { retryDelayMs: 1000 },
      )
    }
    return await this.#view(catalog.read, await resolveAttachment(catalog.read, id))
  }

  async #takeBack(id: Id): Promise<boolean> {
    return await this.#context.catalog.writeWithReserve(async (tables) => {
      const row = await tables.attachments.find(id)
      // Somebody else may be taking it back already.
      if (row?.state !== 'attaching' && row?.state !== 'detaching') return false
      await tables.attachments.setState(id, 'detaching')
      await tables.requests.removeOf(id)
      return true
    })
  }

  async #finishDelete(id: Id): Promise<AttachmentView | undefined> {
    const { catalog, clock } = this.#context
    await atMost(timing.orderMs + timing.detachGraceMs, clock, this.#drive(id))
    const row = await catalog.read.attachments.find(id)
    const volume = row === undefined ? undefined : await catalog.read.volumes.find(row.volumeId)
    if (row === undefined || volume === undefined) return undefined
    return await this.#views.attachment(catalog.read, row, volume)
  }

  async #view(tables: Tables, row: AttachmentRow): Promise<AttachmentView> {
    const volume = await tables.volumes.find(row.volumeId)
    // A volume goes after its attachments: this one has gone since its row was read.
    if (volume === undefined)
      return await this.#view(tables, await resolveAttachment(tables, row.id))
    return await this.#views.attachment(tables, row, volume)
  }

  async #step(id: Id, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const row = await catalog.read.attachments.find(id)
    const volume = row === undefined ? undefined : await catalog.read.volumes.find(row.volumeId)
    if (row === undefined || volume === undefined) return { kind: 'rest' }
    switch (row.state) {
      case 'attaching':
        return await this.#stepAttach(row, volume, signal)
      case 'detaching':
        return await this.#stepDetach(row, volume, signal)
      case 'attached':
        return { kind: 'rest' }
      default:
        return assertNever(row.state)
    }
  }

  async #stepAttach(row: AttachmentRow, volume: VolumeRow, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const { id, volumeId, host, readOnly } = row
    const order: PoolOrder = { kind: 'attach', attachmentId: id, volumeId, host, readOnly }
    const refused = await this.#order(volume, order, timing.orderMs, signal)
    if (refused !== undefined && isTransient(refused)) return { kind: 'retry', error: refused }
    const isLast = await catalog.writeWithReserve(async (tables) => {
      const now = await tables.attachments.find(id)
      // Whoever deletes it waits for that, and not for what its maker asked.
      if (now?.state !== 'attaching') return false
      if (refused === undefined) {
        await tables.attachments.setState(id, 'attached')
        return false
      }
      await tables.requests.removeOf(id)
      await tables.attachments.remove(id)
      return true
    })
    return refused !== undefined && isLast ? { kind: 'failed', error: refused } : { kind: 'again' }
  }

  async #stepDetach(row: AttachmentRow, volume: VolumeRow, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    const graceMs = timing.detachGraceMs
    const order: PoolOrder = { kind: 'detach', attachmentId: row.id, graceMs }
    const refused = await this.#order(volume, order, graceMs + timing.orderMs, signal)
    if (refused !== undefined) return { kind: 'retry', error: refused }
    await catalog.writeWithReserve(async (tables) => await tables.attachments.remove(row.id))
    this.#housekeeping.look(volume.node)
    return { kind: 'rest' }
  }

  async #order(
    volume: VolumeRow,
    order: PoolOrder,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<AshlarError | undefined> {
    try {
      await linkOf(this.#context, volume.node).order(order, { timeoutMs, signal })
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      return asAshlarError(thrown)
    }
  }
}

/** Throws VOLUME_ATTACHED unless the same host asks for the same again. */
function requireSame(before: AttachmentRow, spec: CreateAttachment): void {
  const metadata = { attachment: before.id, host: before.host }
  const options = { field: 'volume', metadata }
  const { volumeId, host } = before
  if (before.state === 'detaching') {
    throw new AshlarError('VOLUME_ATTACHED', `volume ${volumeId} is still being detached`, options)
  }
  if (host !== spec.host) {
    throw new AshlarError(
      'VOLUME_ATTACHED',
      `volume ${volumeId} is attached to host ${host}`,
      options,
    )
  }
  if (before.readOnly === spec.readOnly) return
  const mode = before.readOnly ? 'read-only' : 'read-write'
  throw new AshlarError(
    'VOLUME_ATTACHED',
    `volume ${volumeId} is attached to host ${host} ${mode}; detach it first`,
    options,
  )
}

function noTcp(volume: VolumeRow): AshlarError {
  return new AshlarError(
    'FAILED_PRECONDITION',
    `node ${volume.node} has no TCP listener for NBD; its configuration names none (nbd_tcp)`,
    { field: 'want_tcp', metadata: { node: volume.node } },
  )
}
