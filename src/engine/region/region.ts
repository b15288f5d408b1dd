// A region's engine: its objects, and the work that goes on without anybody asking. Start finishes
// or undoes what a former life left; stop leaves everything where the next life finds it.

import type { Clock } from '../../base/clock.js'
import { AshlarError } from '../../base/error.js'
import type { Id } from '../../base/ids.js'
import type { Logger } from '../../base/logger.js'
import type { Reference } from '../../base/reference.js'
import type { Catalog } from '../../catalog/catalog.js'
import type { Binding } from '../../native/binding.js'
import type { Puller } from '../puller.js'
import type { ZoneControl } from '../zone-control.js'
import { Drives } from './core/drives.js'
import type { LazyStore } from './core/lazy-store.js'
import { RequestLog } from './core/request-log.js'
import { resolveFilter } from './core/resolve.js'
import { Copies } from './jobs/copies.js'
import { CopyJobs } from './jobs/copy-jobs.js'
import { IngestJobs } from './jobs/ingest-jobs.js'
import { Sessions } from './jobs/sessions.js'
import { SnapshotSource } from './jobs/snapshot-source.js'
import { adoptPins, adoptRecords } from './nodes/adoption.js'
import type { RegionContext } from './nodes/context.js'
import { Housekeeping } from './nodes/housekeeping.js'
import { NodeLink } from './nodes/node-link.js'
import { type PeerLink, PeerLinks } from './nodes/peer-link.js'
import { PoolHistory, type ShownPool } from './nodes/pool-history.js'
import { Attachments } from './objects/attachments.js'
import { Clones } from './objects/clones.js'
import { Placement } from './objects/placement.js'
import { Snapshots } from './objects/snapshots.js'
import { type PeerRegion, Topology } from './objects/topology.js'
import { Views } from './objects/views.js'
import { Volumes } from './objects/volumes.js'
import { Audits } from './upkeep/audits.js'
import { Collector } from './upkeep/collector.js'
import { Measures } from './upkeep/measures.js'
import { Operator } from './upkeep/operator.js'
import { RecordRepair } from './upkeep/record-repair.js'
import { Recovery } from './upkeep/recovery.js'
import { Repairs } from './upkeep/repairs.js'
import { RoomWatch } from './upkeep/room-watch.js'

export interface RegionNode {
  readonly name: string
  readonly zone: string
  readonly control: ZoneControl
  readonly puller: Puller
}

/** Another region: for lists, and for copies in either direction. */
export type RegionPeer = PeerRegion & PeerLink

export interface RegionOptions {
  readonly account: string
  readonly region: { readonly name: string; readonly number: number }
  readonly endpoint: string
  readonly nodes: readonly RegionNode[]
  readonly peers: readonly RegionPeer[]
  readonly isReachable: (peer: PeerRegion) => Promise<boolean>
  readonly catalog: Catalog
  readonly native: Binding
  readonly store: LazyStore
  readonly clock: Clock
  readonly log: Logger
  readonly newId: () => Id
}

const sweepMs = 3600 * 1000

export class Region {
  readonly volumes: Volumes
  readonly attachments: Attachments
  readonly snapshots: Snapshots
  readonly clones: Clones
  readonly copies: Copies
  readonly repairs: Repairs
  readonly topology: Topology
  readonly operator: Operator
  readonly measures: Measures
  readonly recovery: Recovery
  readonly audits: Audits
  readonly source: SnapshotSource
  readonly context: RegionContext
  readonly #housekeeping: Housekeeping
  readonly #peers: PeerLinks
  readonly #collector: Collector
  readonly #room: RoomWatch
  readonly #stop = new AbortController()
  #sweeps: Promise<void> = Promise.resolve()
  #begun: Promise<void> | undefined

  constructor(options: RegionOptions) {
    const { catalog, clock, log, native, store, nodes } = options
    const rootOf = (manifest: Buffer): string | undefined => {
      try {
        return native.manifestRoot(manifest)
      } catch {
        return undefined // it is none
      }
    }
    const recovery = new Recovery({
      catalog,
      native,
      store,
      nodes,
      log,
      adopt: async (tables, records) => await adoptRecords({ context, rootOf }, tables, records),
      adoptPins: async (tables, records) => await adoptPins({ context, rootOf }, tables, records),
    })
    const requireCurrent = (): void => recovery.requireCurrent()
    const pools = new PoolHistory(catalog, log)
    const context: RegionContext = {
      account: options.account,
      region: options.region,
      catalog,
      clock,
      log,
      links: new Map(nodes.map((node) => [node.name, linkTo(node, options, recovery, pools)])),
      drives: new Drives({ clock, log }),
      requests: new RequestLog(catalog, clock, requireCurrent),
      newId: options.newId,
    }
    const pullers = new Map(nodes.map(({ name, puller }) => [name, puller]))
    const peers = new PeerLinks(context, options.peers)
    const sessions = new Sessions(context)
    const jobs = new IngestJobs({ context, native, store, sessions, pullers })
    const views = new Views(context, jobs)
    const records = new RecordRepair({ context, native, store, recovery, jobs })
    const collector = new Collector({ context, native, store, sessions, recovery, records })
    const housekeeping = new Housekeeping(context, pools, () => collector.soon())
    const placement = new Placement(context)
    this.context = context
    this.#housekeeping = housekeeping
    this.#collector = collector
    this.recovery = recovery
    this.#room = new RoomWatch({ room: catalog.room, clock, log, onRoom: () => this.#goOn() })
    this.audits = new Audits(context)
    this.operator = new Operator({ context, native, store, collector, recovery })
    this.measures = new Measures({ context, operator: this.operator, collector })
    this.volumes = new Volumes({ context, views, placement, housekeeping })
    this.attachments = new Attachments({ context, views, housekeeping })
    this.clones = new Clones({ context, views, housekeeping })
    const { clones } = this
    const copyJobs = new CopyJobs({ context, native, store, sessions, peers, jobs })
    this.snapshots = new Snapshots({
      context,
      views,
      jobs,
      copyJobs,
      peers,
      clones,
      housekeeping,
      collector,
    })
    const onChange = async (id: Id): Promise<void> => await jobs.recordAgain(id)
    this.copies = new Copies({ context, peers, requireCurrent, onChange })
    this.#peers = peers
    this.repairs = new Repairs({
      context,
      native,
      store,
      sessions,
      jobs,
      records,
      collector,
      peers,
      pullers,
    })
    this.topology = new Topology({ ...options, context })
    this.source = new SnapshotSource({ native, store, catalog, copies: this.copies })
  }

  /** On a full disk it may be that it is only read until there is room. */
  async start(): Promise<void> {
    await this.#requireNodes()
    this.#room.start()
    await this.#startWhenKnown()
  }

  async #startWhenKnown(): Promise<void> {
    await this.recovery.start()
    if (this.recovery.state === 'unknown' || this.#stop.signal.aborted) return
    await (this.#begun ??= this.#begin())
  }

  async #begin(): Promise<void> {
    for (const link of this.context.links.values()) {
      link.onRecords((back) => this.#look(link.name, back))
      link.start()
    }
    // What a catalog of yesterday left under way may have ended since.
    if (this.recovery.state === 'behind') return
    await this.volumes.lookAll()
    await this.attachments.lookAll()
    await this.snapshots.lookAll()
    await this.clones.lookAll()
    this.#peers.lookAll()
    this.#sweeps = this.#sweep()
    void this.#collectWhenWhole()
    this.audits.start()
    this.repairs.start()
  }

  /** What a list filter means by a volume, which may be gone; undefined for an unknown name. */
  async volumeIdOf(reference: Reference): Promise<Id | undefined> {
    const { volumes } = this.context.catalog.read
    return await resolveFilter(reference, async (name) => await volumes.holdingName(name))
  }

  /** Copies are made from and for these regions. */
  hasPeer(name: string): boolean {
    return this.#peers.has(name)
  }

  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the region is stopping'))
    await this.#room.stop()
    await this.#begun?.catch(() => undefined)
    const ended = Promise.all([this.#collector.stop(), this.audits.stop(), this.repairs.stop()])
    await Promise.all([...this.context.links.values()].map(async (link) => await link.stop()))
    await this.context.drives.stop()
    await ended
    await this.#sweeps
  }

  // There is room again.
  #goOn(): void {
    this.context.drives.wakeAll()
    this.#startWhenKnown().catch((thrown: unknown) => {
      this.context.log.error({ err: thrown }, 'the region is only read until it is restarted')
    })
  }

  #look(node: string, back: boolean): void {
    if (this.recovery.state === 'behind') return
    const failed = (thrown: unknown) => {
      if (!this.#stop.signal.aborted) this.context.log.error({ err: thrown, node }, 'look failed')
    }
    if (back) {
      this.context.drives.wakeAll()
      // One that was just taken over may be on its way out.
      this.attachments.lookAll().catch(failed)
    }
    this.#housekeeping.look(node)
    this.snapshots.look(node).catch(failed)
    this.clones.look(node).catch(failed)
  }

  async #collectWhenWhole(): Promise<void> {
    try {
      await this.recovery.whole
      await this.#collector.start()
    } catch (thrown) {
      if (this.#stop.signal.aborted) return
      this.context.log.error({ err: thrown }, 'collections were not started')
    }
  }

  /** A configuration that drops a node would strand what lives there. */
  async #requireNodes(): Promise<void> {
    const { links, region, catalog } = this.context
    for (const node of await catalog.read.nodesInUse()) {
      if (links.has(node)) continue
      throw new AshlarError(
        'FAILED_PRECONDITION',
        `region ${region.name} has volumes or snapshots on node ${node}, which the configuration does not name`,
      )
    }
  }

  async #sweep(): Promise<void> {
    const { clock, log, requests } = this.context
    while (!this.#stop.signal.aborted) {
      const failed = (thrown: unknown) => log.warn({ err: thrown }, 'sweep failed')
      await requests.forgetOld().catch(failed)
      await this.copies.giveUpSilent().catch(failed)
      await clock.sleep(sweepMs, this.#stop.signal).catch(() => undefined)
    }
  }
}

function linkTo(
  node: RegionNode,
  options: RegionOptions,
  admission: Recovery,
  pools: PoolHistory,
): NodeLink {
  const { name, zone, control } = node
  const { clock, log, region } = options
  const notePool = async (shown: ShownPool) => await pools.note(shown)
  return new NodeLink({ name, zone, control, admission, notePool, region: region.name, clock, log })
}
