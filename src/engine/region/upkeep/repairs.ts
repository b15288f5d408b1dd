// Mends what the store has found damaged: for every snapshot that reaches something of it, whoever
// else has that snapshot is asked for fresh copies: the region it was copied from or to, then a node
// that holds its cut or clone. Every id is verified, so that a holder can at worst be of no use. What
// damaged records said is in the catalog (record-repair.ts).

import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { SnapshotRow } from '../../../catalog/rows.js'
import type { Binding, ChannelHandle } from '../../../native/binding.js'
import type { Puller } from '../../puller.js'
import type { LazyStore } from '../core/lazy-store.js'
import { nowMs } from '../core/now.js'
import { copyCrn } from '../jobs/copy-description.js'
import { isCopy, regionOf } from '../jobs/copy-jobs.js'
import type { IngestJobs } from '../jobs/ingest-jobs.js'
import type { Sessions } from '../jobs/sessions.js'
import type { RegionContext } from '../nodes/context.js'
import type { PeerLinks } from '../nodes/peer-link.js'
import { holdsCut } from '../nodes/zone-nodes.js'
import type { Collector } from './collector.js'
import type { RecordRepair } from './record-repair.js'

export interface RepairsOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly sessions: Sessions
  readonly jobs: IngestJobs
  readonly records: RecordRepair
  readonly collector: Collector
  readonly peers: PeerLinks
  /** By the name of the node. */
  readonly pullers: ReadonlyMap<string, Puller>
}

type Stored = SnapshotRow & { readonly rootHex: string; readonly manifest: Buffer }

interface Holder {
  readonly what: string
  readonly mend: (row: Stored, signal: AbortSignal) => Promise<void>
}

/** How often the store is asked what it has found damaged since. That is mended at once, */
const lookMs = 1000
/** and what could not be mended is tried again; ever later while nobody has it. */
const againMs = { first: 30_000, last: 600_000 }

export class Repairs {
  readonly #options: RepairsOptions
  readonly #stop = new AbortController()
  #ended: Promise<void> = Promise.resolve()

  constructor(options: RepairsOptions) {
    this.#options = options
  }

  start(): void {
    this.#ended = this.#run(this.#stop.signal)
  }

  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the region is stopping'))
    await this.#ended
  }

  /** Answers how many ids stay damaged. */
  async mend(signal: AbortSignal): Promise<number> {
    if (!this.#options.store.isPresent) return 0
    let damaged = await this.#damaged()
    if (damaged === 0) return 0
    const { catalog, log } = this.#options.context
    log.warn({ damaged }, 'copies of what is damaged are looked for')
    for (const { id } of await catalog.read.snapshots.allStable()) {
      signal.throwIfAborted()
      const row = await catalog.read.snapshots.find(id)
      if (row === undefined || !isStored(row) || !(await this.#reachesDamage(row))) continue
      damaged = await this.#mendOne(row, signal)
      if (damaged === 0) break
    }
    if (damaged === 0) log.warn('all damage is mended')
    else log.error({ damaged }, 'no reachable holder has what is damaged')
    return damaged
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#options.context
    let pauseMs = againMs.first
    let nextMs = clock.monotonicMs() + pauseMs
    // Nobody else reads them while the region runs.
    let isRecorded = await this.#mendRecords()
    while (!signal.aborted) {
      try {
        await clock.sleep(lookMs, signal)
        const found = await this.#report()
        if (!found && clock.monotonicMs() < nextMs) continue
        if (found || !isRecorded) isRecorded = await this.#mendRecords()
        const left = await this.mend(signal)
        const isMended = isRecorded && left === 0
        pauseMs = found || isMended ? againMs.first : Math.min(pauseMs * 2, againMs.last)
        nextMs = clock.monotonicMs() + pauseMs
      } catch (thrown) {
        if (!signal.aborted) log.error({ err: thrown }, 'repair failed')
      }
    }
  }

  // Answers whether there is nothing left to do.
  async #mendRecords(): Promise<boolean> {
    const { records, collector } = this.#options
    try {
      const superseded = await records.mend()
      if (superseded !== undefined && superseded.length > 0) collector.soon()
      return superseded !== undefined
    } catch {
      return false // it was logged
    }
  }

  /** Logs what the store has found damaged since the last time. Answers whether there was anything. */
  async #report(): Promise<boolean> {
    const { context, native, store } = this.#options
    if (!store.isPresent) return false
    const found = await native.storeDamage(await store.get())
    for (const damage of found) context.log.error({ damage }, 'the store has found damage')
    return found.length > 0
  }

  async #damaged(): Promise<number> {
    const { native, store } = this.#options
    return (await native.storeQuarantine(await store.get())).length
  }

  // A repair walks the tree here before it asks for anything: one that asks for nothing ends at once.
  async #reachesDamage({ manifest }: Stored): Promise<boolean> {
    const { native, store } = this.#options
    const channel = await native.openRepair(await store.get(), { manifest })
    try {
      return (await native.take(channel)) !== null
    } finally {
      native.closeChannel(channel)
    }
  }

  async #mendOne(row: Stored, signal: AbortSignal): Promise<number> {
    const { log, catalog } = this.#options.context
    const { sessions } = this.#options
    let damaged = await this.#damaged()
    for (const { what, mend } of await this.#holdersOf(row)) {
      try {
        await sessions.run(
          async () => ({ kind: 'repair', snapshotId: row.id, base: undefined }),
          async () => await mend(row, signal),
        )
      } catch (thrown) {
        signal.throwIfAborted()
        const error = asAshlarError(thrown)
        log.warn({ err: error, snapshot: row.id, holder: what }, 'this holder did not mend it')
      } finally {
        await catalog.writeWithReserve(async (tables) => await tables.sessions.endOf(row.id))
      }
      damaged = await this.#damaged()
      if (damaged === 0 || !(await this.#reachesDamage(row))) break
    }
    return damaged
  }

  async #holdersOf(row: Stored): Promise<readonly Holder[]> {
    const { context, peers } = this.#options
    const copies = await context.catalog.read.copies.committedOf([row.id])
    const elsewhere = copies.map(({ region, crn }) => ({ region, crn }))
    if (isCopy(row)) elsewhere.unshift({ region: regionOf(row), crn: row.sourceSnapshot.crn })
    const links = [...context.links.values()].filter((link) => holdsCut(link, row))
    return [
      ...elsewhere
        .filter(({ region }) => peers.has(region))
        .map(({ region, crn }) => ({
          what: `region ${region}`,
          mend: async (stored: Stored, signal: AbortSignal) =>
            await this.#mendFromRegion(stored, { region, crn }, signal),
        })),
      ...links.map(({ name }) => ({
        what: `node ${name}`,
        mend: async (stored: Stored, signal: AbortSignal) =>
          await this.#mendFromNode(stored, name, signal),
      })),
    ]
  }

  // As for a copy that is given up as soon as it is made: the pin there keeps it while it is read.
  async #mendFromRegion(
    row: Stored,
    { region, crn }: { readonly region: string; readonly crn: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { context, native, store, peers, jobs } = this.#options
    const { control, puller } = peers.get(region)
    const copyId = context.newId()
    const here = context.region.name
    try {
      const opened = await control.open(
        {
          copyId,
          snapshotCrn: crn,
          region: here,
          copyCrn: copyCrn(here, context.account, copyId),
          copyName: 'repair',
        },
        signal,
      )
      if (!opened.manifest.equals(row.manifest)) {
        throw new AshlarError('PROTOCOL', `${crn} in region ${region} has other content`)
      }
      const { snapshotId, pinId } = opened
      const open = { snapshotId, pinId, site: here }
      const handle = await store.get()
      const receive = async (): Promise<ChannelHandle> =>
        await native.openRepair(handle, { manifest: row.manifest })
      await jobs.ingest(copyId, { puller, open, receive }, signal)
    } finally {
      await this.#release(region, copyId)
    }
  }

  async #release(peer: string, target: Id): Promise<void> {
    const { context, peers } = this.#options
    const createdMs = nowMs(context.clock)
    await context.catalog.writeWithReserve(
      async (tables) =>
        await tables.peerOrders.insert({ kind: 'releaseCopy', peer, target, createdMs }),
    )
    peers.look(peer)
  }

  // A node has no tree to be asked for: its whole list is compared, and what is damaged is lacking.
  async #mendFromNode(row: Stored, node: string, signal: AbortSignal): Promise<void> {
    const { context, native, store, pullers, jobs } = this.#options
    const puller = pullers.get(node)
    if (puller === undefined) throw new AshlarError('INTERNAL', `no connection to ${node}`)
    const open = { snapshotId: row.id, site: context.region.name }
    const handle = await store.get()
    const receive = async (): Promise<ChannelHandle> =>
      await native.openIngest(handle, { volumeBytes: row.bytes, listIsDelta: false })
    const { rootHex } = await jobs.ingest(row.id, { puller, open, receive }, signal)
    if (rootHex === row.rootHex) return
    throw new AshlarError('CORRUPT', `node ${node} has other content for snapshot ${row.id}`)
  }
}

function isStored(row: SnapshotRow): row is Stored {
  return row.state === 'stable' && row.rootHex !== undefined && row.manifest !== undefined
}
