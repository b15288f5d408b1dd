// What operators ask of a region: how its store does, a collection, and the end of a zone.

import { AshlarError } from '../../../base/error.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { Reason } from '../../../catalog/rows.js'
import type { Binding, StoreStats } from '../../../native/binding.js'
import type { PoolGrowth } from '../../zone-control.js'
import type { LazyStore } from '../core/lazy-store.js'
import type { RegionContext } from '../nodes/context.js'
import type { Collection, Collector } from './collector.js'
import type { Recovery } from './recovery.js'

export interface OperatorOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly collector: Collector
  readonly recovery: Recovery
}

export interface StoreView {
  readonly store: StoreStats
  readonly collectionGeneration: number
  readonly catalogGeneration: number
  readonly sessions: number
  readonly pins: number
  /** Why nothing is collected, or changed. */
  readonly problems: readonly Reason[]
}

export interface ForgottenZone {
  readonly pinsDropped: number
  readonly volumesForgotten: number
}

const emptyStore: StoreStats = {
  packs: 0n,
  packBytes: 0n,
  chunks: 0n,
  nodes: 0n,
  indexBytes: 0n,
  indexMemoryBytes: 0n,
  quarantined: 0n,
  highestGeneration: 0n,
}

export class Operator {
  readonly #options: OperatorOptions

  constructor(options: OperatorOptions) {
    this.#options = options
  }

  async stats(): Promise<StoreView> {
    const { context, native, store, recovery } = this.#options
    const tables = context.catalog.read
    return {
      store: store.isPresent ? await native.storeStats(await store.get()) : emptyStore,
      collectionGeneration: await tables.meta.collectionGeneration(),
      catalogGeneration: await tables.meta.generation(),
      sessions: await tables.sessions.count(),
      pins: await tables.pins.count(),
      problems: [recovery.problem(), context.catalog.room.problem()].filter(
        (problem) => problem !== undefined,
      ),
    }
  }

  async collect(): Promise<Collection> {
    return await this.#options.collector.collect()
  }

  /**
   * Requires: the zone is gone for good. Should one of its nodes come back nevertheless, what it has
   * is reported as orphaned and kept there. Throws ZONE_NOT_FOUND, and FAILED_PRECONDITION while one
   * of its nodes is here.
   */
  async forgetZone(zone: string): Promise<ForgottenZone> {
    const { context, collector, recovery } = this.#options
    recovery.requireCurrent()
    const links = [...context.links.values()].filter((link) => link.zone === zone)
    const here = links.find(({ state }) => state.kind === 'here')
    if (here !== undefined) {
      throw new AshlarError(
        'FAILED_PRECONDITION',
        `node ${here.name} of zone ${zone} is here; only a zone that is gone for good is forgotten`,
        { field: 'zone', metadata: { zone, node: here.name } },
      )
    }
    const gone: string[] = []
    let nodes: ReadonlySet<string> = new Set()
    const forgotten = await context.catalog.writeWithReserve(async (tables) => {
      const known = (await tables.nodes.all()).filter((node) => node.zone === zone)
      const names = new Set([...links, ...known].map(({ name }) => name))
      if (names.size === 0) {
        throw new AshlarError('ZONE_NOT_FOUND', `there is no zone ${JSON.stringify(zone)}`, {
          field: 'zone',
          metadata: { zone },
        })
      }
      nodes = names
      const total = { pinsDropped: 0, volumesForgotten: 0 }
      for (const name of names) {
        total.pinsDropped += await tables.pins.removeOfNode(name)
        total.volumesForgotten += await forgetVolumes(tables, name, gone)
        await failSnapshots(tables, name, gone)
        await tables.orders.removeOfNode(name)
        await tables.nodes.remove(name)
        await tables.pools.remove(name)
      }
      const clones = await tables.clones.removeOfZone(zone)
      gone.push(...clones.map((id) => `clone ${id}`))
      return total
    })
    // What still runs for them finds no row and ends.
    for (const key of gone) context.drives.interrupt(key)
    context.log.warn({ zone, ...forgotten }, 'zone forgotten')
    await recovery.forget(nodes)
    collector.soon()
    return forgotten
  }

  /** Throws NOT_FOUND, REMOTE_UNAVAILABLE while the node is away, and what the node answers. */
  async growPool(node: string, signal: AbortSignal): Promise<PoolGrowth> {
    const { context } = this.#options
    const link = context.links.get(node)
    if (link !== undefined) return await link.growPool(signal)
    const known = [...context.links.keys()].sort().join(', ')
    throw new AshlarError(
      'NOT_FOUND',
      `there is no node ${JSON.stringify(node)} in this region; it has ${known}`,
      { field: 'node', metadata: { node } },
    )
  }
}

async function forgetVolumes(tables: Tables, node: string, gone: string[]): Promise<number> {
  const volumes = await tables.volumes.ofNode(node)
  for (const { id } of volumes) {
    const attachment = await tables.attachments.ofVolume(id)
    if (attachment !== undefined) {
      await tables.requests.removeOf(attachment.id)
      await tables.attachments.remove(attachment.id)
      gone.push(`attachment ${attachment.id}`)
    }
    await tables.requests.removeOf(id)
    await tables.volumes.remove(id)
    gone.push(`volume ${id}`)
  }
  return volumes.length
}

// What the region does not have yet of a cut is lost with the node.
async function failSnapshots(tables: Tables, node: string, gone: string[]): Promise<void> {
  for (const { id, state } of await tables.snapshots.unsettledOfNode(node)) {
    if (state === 'cutting') {
      await tables.requests.removeOf(id)
      await tables.snapshots.remove(id)
    } else if (state === 'captured') {
      const reason = { code: 'cut_lost', message: `its zone was forgotten with node ${node}` }
      await tables.snapshots.update(id, { state: 'failed', reason })
      await tables.sessions.endOf(id)
    } else {
      continue
    }
    gone.push(`snapshot ${id}`)
  }
}
