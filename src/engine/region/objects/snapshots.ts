// Snapshots, step by step as DESIGN 9 has it: (1) the row; (2) the cut, durable in the node;
// (3) captured_at is committed and the caller answered; (4) the job pulls; (5) commit, stable;
// (6) the node is told. Whatever dies in between, the row's state says where to go on.

import { assertNever } from '../../../base/assert-never.js'
import { type AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Reference } from '../../../base/reference.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { Page, PageRequest } from '../../../catalog/page.js'
import type { SnapshotRow } from '../../../catalog/rows.js'
import type { SnapshotFilter } from '../../../catalog/snapshots.js'
import type { Step } from '../core/drives.js'
import { nowMs } from '../core/now.js'
import type { Claim } from '../core/request-log.js'
import { resolveSnapshot, resolveVolume } from '../core/resolve.js'
import type { CopySnapshot, CreateSnapshot, DeleteObject, UpdateSnapshot } from '../core/specs.js'
import { type CopyJobs, type CopyRowOf, isCopy, newCopy, regionOf } from '../jobs/copy-jobs.js'
import { Cuts, orderDrop } from '../jobs/cuts.js'
import type { IngestJobs, JobEnd } from '../jobs/ingest-jobs.js'
import { snapshotRecord } from '../jobs/snapshot-record.js'
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
import type { PeerLinks } from '../nodes/peer-link.js'
import type { Collector } from '../upkeep/collector.js'
import type { Clones } from './clones.js'
import type { SnapshotView, Views } from './views.js'
import { notReady } from './volumes.js'

export interface SnapshotsOptions {
  readonly context: RegionContext
  readonly views: Views
  readonly jobs: IngestJobs
  readonly copyJobs: CopyJobs
  readonly peers: PeerLinks
  readonly clones: Clones
  readonly housekeeping: Housekeeping
  readonly collector: Collector
}

export class Snapshots {
  readonly #context: RegionContext
  readonly #views: Views
  readonly #jobs: IngestJobs
  readonly #copyJobs: CopyJobs
  readonly #peers: PeerLinks
  readonly #clones: Clones
  readonly #housekeeping: Housekeeping
  readonly #collector: Collector
  readonly #cuts: Cuts
  /** Told how the first attempt to reach the source of a copy went, while its caller waits for that. */
  readonly #openings = new Map<Id, (refused: AshlarError | undefined) => void>()

  constructor(options: SnapshotsOptions) {
    this.#context = options.context
    this.#views = options.views
    this.#jobs = options.jobs
    this.#copyJobs = options.copyJobs
    this.#peers = options.peers
    this.#clones = options.clones
    this.#housekeeping = options.housekeeping
    this.#collector = options.collector
    this.#cuts = new Cuts(options)
  }

  async create(spec: CreateSnapshot): Promise<SnapshotView> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'CreateSnapshot',
      args,
      run: async (claim) => await this.#awaitCut(await this.#insert(spec, claim)),
      resume: async (id) => {
        await this.#cuts.recovered(id)
        return await this.get({ kind: 'id', id })
      },
    })
  }

  /**
   * A copy of a snapshot of another region. What that refuses is thrown; a region that is away is
   * waited for by the row.
   */
  async copy(spec: CopySnapshot): Promise<SnapshotView> {
    const { requestId, ...args } = spec
    return await this.#context.requests.once({
      requestId,
      method: 'CreateSnapshot',
      args,
      run: async (claim) => await this.#awaitOpening(await this.#insertCopy(spec, claim)),
      resume: async (id) => await this.#awaitOpening(id),
    })
  }

  async get(reference: Reference): Promise<SnapshotView> {
    const tables = this.#context.catalog.read
    return await this.#views.snapshot(
      tables,
      await resolveSnapshot(tables, reference, this.#context),
    )
  }

  async list(filter: SnapshotFilter, page: PageRequest): Promise<Page<SnapshotView>> {
    const tables = this.#context.catalog.read
    const { rows, ...rest } = await tables.snapshots.page(filter, page)
    return { ...rest, rows: await this.#views.snapshots(tables, rows) }
  }

  async update(spec: UpdateSnapshot): Promise<SnapshotView> {
    const { requestId, ...args } = spec
    const context = this.#context
    return await context.requests.once({
      requestId,
      method: 'UpdateSnapshot',
      args,
      run: async (claim) => {
        // The answer is of the transaction of the change: another may follow before the record is written.
        const { id, answer } = await context.catalog.write(async (tables) => {
          const row = await resolveSnapshot(tables, spec.snapshot, context)
          checkEtag(spec.etag, row)
          const { name, userTags } = spec
          await tables.snapshots.update(row.id, {
            ...(name === undefined ? {} : { name }),
            ...(userTags === undefined ? {} : { userTags }),
            revision: revisionAfter(row, spec),
          })
          if (name !== undefined) await this.#renamed(tables, row, name)
          await claim(tables, row.id)
          const now = await resolveSnapshot(tables, { kind: 'id', id: row.id }, context)
          return { id: row.id, answer: await this.#views.snapshot(tables, now) }
        })
        await this.#jobs.recordAgain(id)
        if (spec.name !== undefined) this.#peers.lookAll()
        return answer
      },
      resume: async (id) => await this.get({ kind: 'id', id }),
    })
  }

  /**
   * Undefined when it is gone, which does not wait for its node: that is told in time. Answers the
   * snapshot when the store cannot take the record of its deletion now.
   */
  async delete(spec: DeleteObject): Promise<SnapshotView | undefined> {
    const { requestId, ...args } = spec
    const context = this.#context
    return await context.requests.once({
      requestId,
      method: 'DeleteSnapshot',
      args,
      run: async (claim) => {
        const row = await context.catalog.writeWithReserve(async (tables) => {
          const row = await resolveSnapshot(tables, spec.target, context)
          checkEtag(spec.etag, row)
          await tables.snapshots.update(row.id, { state: 'deleting' })
          await claim(tables, row.id)
          return row
        })
        await this.#driveNext(row)
        return await this.#finishDelete(row.id)
      },
      resume: async (id) => await this.#finishDelete(id),
    })
  }

  /** Looks at what a former life of the daemon left under way. */
  async lookAll(): Promise<void> {
    for (const { id } of await this.#context.catalog.read.snapshots.unsettled())
      void this.#drive(id)
  }

  /** A node has come back, or its records changed: rows that wait for that look again. */
  async look(node: string): Promise<void> {
    for (const id of await this.#context.catalog.read.snapshots.cuttingOf(node)) {
      void this.#drive(id)
    }
  }

  #drive(id: Id): Promise<void> {
    return this.#context.drives.look(`snapshot ${id}`, (signal) => this.#step(id, signal))
  }

  /** The job of a snapshot is over, or will be: the next one of its volume may begin. */
  async #driveNext({ sourceVolume }: SnapshotRow): Promise<void> {
    if (sourceVolume === undefined) return
    const next = await this.#context.catalog.read.snapshots.firstUnderWay(sourceVolume.id)
    if (next !== undefined) void this.#drive(next.id)
  }

  async #finishDelete(id: Id): Promise<SnapshotView | undefined> {
    const { catalog, clock, drives } = this.#context
    // A job under way is of no use any more. It may be in the middle of a sync.
    drives.interrupt(`snapshot ${id}`)
    await atMost(timing.orderMs, clock, this.#drive(id))
    const row = await catalog.read.snapshots.find(id)
    return row === undefined ? undefined : await this.#views.snapshot(catalog.read, row)
  }

  async #insert(spec: CreateSnapshot, claim: Claim): Promise<Id> {
    const context = this.#context
    const id = context.newId()
    await context.catalog.write(async (tables) => {
      const volume = await resolveVolume(tables, spec.sourceVolume, context, 'source_volume')
      if (volume.state !== 'available' && volume.state !== 'growing') throw notReady(volume)
      linkOf(context, volume.node).requireHere()
      const name = await chooseName(spec.name, (name) => tables.snapshots.holdingName(name))
      const { operatingSystem, sourceImage } = volume.labels
      await tables.snapshots.insert({
        id,
        name,
        state: 'cutting',
        reason: undefined,
        zone: volume.zone,
        node: volume.node,
        sourceVolume: { id: volume.id, name: volume.name, zone: volume.zone },
        sourceSnapshot: undefined,
        bytes: volume.grantedBytes,
        epoch: undefined,
        capturedNs: undefined,
        rootHex: undefined,
        manifest: undefined,
        storedBytes: 0n,
        logicalBytes: 0n,
        transferredBytes: 0n,
        fullSeal: volume.fullSeal,
        revision: 1,
        labels: {
          userTags: spec.userTags,
          resourceGroup: spec.resourceGroup,
          operatingSystem,
          sourceImage,
        },
        createdMs: nowMs(context.clock),
      })
      await this.#clones.want(tables, id, spec.cloneZones)
      await claim(tables, id)
    })
    this.#cuts.expect(id)
    return id
  }

  // Ends when the cut is durable (the job then goes on without the caller), or when there is none.
  async #awaitCut(id: Id): Promise<SnapshotView> {
    try {
      await this.#cuts.take(id)
    } finally {
      // Also after a stop or a failed catalog write: the drive looks whether there is a cut.
      void this.#drive(id).catch(() => undefined)
    }
    return await this.get({ kind: 'id', id })
  }

  async #insertCopy(spec: CopySnapshot, claim: Claim): Promise<Id> {
    const context = this.#context
    const id = context.newId()
    await context.catalog.write(async (tables) => {
      const name = await chooseName(spec.name, (name) => tables.snapshots.holdingName(name))
      await tables.snapshots.insert(newCopy(spec, { id, name, createdMs: nowMs(context.clock) }))
      await this.#clones.want(tables, id, spec.cloneZones)
      await claim(tables, id)
    })
    return id
  }

  async #awaitOpening(id: Id): Promise<SnapshotView> {
    const { clock, catalog } = this.#context
    const row = await catalog.read.snapshots.find(id)
    if (row?.state !== 'waiting') return await this.get({ kind: 'id', id })
    const first = new Promise<void>((resolve, reject) => {
      this.#openings.set(id, (refused) => (refused === undefined ? resolve() : reject(refused)))
    })
    try {
      void this.#drive(id)
      await atMost(timing.orderMs, clock, first)
    } finally {
      this.#openings.delete(id)
    }
    return await this.get({ kind: 'id', id })
  }

  // Nobody has seen the copy yet: what its source refuses at once leaves nothing behind.
  async #stepOpening(row: CopyRowOf, signal: AbortSignal): Promise<Step> {
    const { catalog } = this.#context
    try {
      const change = await this.#copyJobs.open(row, signal)
      await catalog.writeWithReserve(async (tables) => {
        const now = await tables.snapshots.find(row.id)
        if (now?.state === 'waiting') await tables.snapshots.update(row.id, change)
      })
      this.#openings.get(row.id)?.(undefined)
      return { kind: 'again' }
    } catch (thrown) {
      signal.throwIfAborted()
      const error = asAshlarError(thrown)
      const tell = this.#openings.get(row.id)
      if (tell === undefined || isTransient(error)) {
        const step = await this.#ended(row, this.#copyJobs.judge(row, error))
        tell?.(undefined)
        return step
      }
      await catalog.writeWithReserve(async (tables) => {
        await tables.snapshots.remove(row.id)
        await tables.clones.condemnOf(row.id)
        await tables.requests.removeOf(row.id)
        await orderDrop(tables, row, this.#context)
      })
      await this.#lookAt(row)
      tell(error)
      return { kind: 'rest' }
    }
  }

  async #step(id: Id, signal: AbortSignal): Promise<Step> {
    const row = await this.#context.catalog.read.snapshots.find(id)
    if (row === undefined) return { kind: 'rest' }
    switch (row.state) {
      case 'cutting':
        return await this.#cuts.stepUnknown(row)
      case 'captured':
      case 'committing':
        return await this.#stepJob(row, signal)
      case 'deleting':
        return await this.#stepDelete(row)
      case 'waiting':
        return isCopy(row) ? await this.#stepOpening(row, signal) : { kind: 'rest' }
      case 'stable':
      case 'failed':
        return { kind: 'rest' }
      default:
        return assertNever(row.state)
    }
  }

  async #stepJob(row: SnapshotRow, signal: AbortSignal): Promise<Step> {
    this.#openings.get(row.id)?.(undefined)
    const jobs = isCopy(row) ? this.#copyJobs.run(row, signal) : this.#jobs.run(row, signal)
    return await this.#ended(row, await jobs)
  }

  async #ended(row: SnapshotRow, end: JobEnd): Promise<Step> {
    switch (end.kind) {
      case 'queued':
        // Whatever ends the one before drives this one.
        return { kind: 'rest' }
      case 'stable':
        this.#forgetJob(row.id)
        await this.#lookAt(row)
        await this.#driveNext(row)
        return { kind: 'again' }
      case 'waits':
        await this.#note(row, end)
        return { kind: 'retry', error: end.error }
      case 'failed':
        await this.#fail(row, end)
        await this.#driveNext(row)
        return { kind: 'again' }
      default:
        return assertNever(end)
    }
  }

  /** Whoever has to hear of a change is told in time: node or region, and the clones. */
  async #lookAt(row: SnapshotRow): Promise<void> {
    if (isCopy(row)) this.#peers.look(regionOf(row))
    else if (this.#context.links.has(row.node)) this.#housekeeping.look(row.node)
    await this.#clones.lookAtSnapshot(row.id)
  }

  async #note(row: SnapshotRow, { reason }: Extract<JobEnd, { kind: 'waits' }>): Promise<void> {
    const same = row.reason?.code === reason.code && row.reason.message === reason.message
    if (same) return
    await this.#context.catalog.writeWithReserve(
      async (tables) => await tables.snapshots.update(row.id, { reason }),
    )
    // After the row has it: what it cannot take is not said at every attempt.
    this.#context.log.warn({ snapshot: row.id, reason }, 'snapshot stays pending')
  }

  async #fail(row: SnapshotRow, { reason }: Extract<JobEnd, { kind: 'failed' }>): Promise<void> {
    const { catalog, log } = this.#context
    log.error({ snapshot: row.id, reason }, 'snapshot failed')
    await catalog.writeWithReserve(async (tables) => {
      const now = await tables.snapshots.find(row.id)
      if (now?.state !== 'captured' && now?.state !== 'waiting') return
      await tables.snapshots.update(row.id, { state: 'failed', reason })
      await tables.clones.condemnOf(row.id)
      await tables.sessions.endOf(row.id)
      // A node that does not list it may have shown another pool: its owner decides, by the delete.
      if (reason.code !== 'cut_lost') await orderDrop(tables, row, this.#context)
    })
    this.#forgetJob(row.id)
    await this.#lookAt(row)
  }

  #forgetJob(id: Id): void {
    this.#jobs.forget(id)
    this.#copyJobs.forget(id)
  }

  async #renamed(tables: Tables, row: SnapshotRow, name: string): Promise<void> {
    await tables.volumes.renameSource(row.id, name)
    if (!isCopy(row) || row.state !== 'stable') return
    const order = { kind: 'commitCopy', peer: regionOf(row), target: row.id } as const
    await tables.peerOrders.insert({ ...order, createdMs: nowMs(this.#context.clock) })
  }

  // A commit record may be in the store from the moment the root is known, so that it is answered
  // there by a delete record, under a later generation, before the row goes.
  async #stepDelete(row: SnapshotRow): Promise<Step> {
    const { catalog } = this.#context
    this.#openings.get(row.id)?.(undefined)
    if (row.rootHex !== undefined) {
      await this.#jobs.recordDelete(snapshotRecord(row, this.#context.region))
    }
    await catalog.writeWithReserve(async (tables) => {
      await tables.sessions.endOf(row.id)
      await tables.orders.removeSealed(row.node, row.id)
      await tables.snapshots.remove(row.id)
      await tables.clones.condemnOf(row.id)
      await tables.copies.removeCommittedOf(row.id)
      await orderDrop(tables, row, this.#context)
    })
    this.#forgetJob(row.id)
    if (row.manifest !== undefined) this.#collector.soon()
    await this.#lookAt(row)
    return { kind: 'rest' }
  }
}
