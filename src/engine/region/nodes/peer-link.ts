// The other regions this one knows: how to reach them, and what they have still to be told about our
// copies of their snapshots. Being away is no error: an order waits and is repeated.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import { failpoint } from '../../../base/failpoint.js'
import { quote } from '../../../base/ids.js'
import type { PeerOrderRow } from '../../../catalog/rows.js'
import type { CopyControl } from '../../copy-control.js'
import type { Puller } from '../../puller.js'
import type { Step } from '../core/drives.js'
import type { RegionContext } from './context.js'
import { isTransient } from './node-link.js'

/** Another region as this one reaches it. */
export interface PeerLink {
  readonly name: string
  readonly control: CopyControl
  readonly puller: Puller
}

export class PeerLinks {
  readonly #context: RegionContext
  readonly #peers: ReadonlyMap<string, PeerLink>

  constructor(context: RegionContext, peers: readonly PeerLink[]) {
    this.#context = context
    this.#peers = new Map(peers.map((peer) => [peer.name, peer]))
  }

  has(name: string): boolean {
    return this.#peers.has(name)
  }

  /** Throws REMOTE_UNAVAILABLE: rows may name a region that a later configuration leaves out. */
  get(name: string): PeerLink {
    const peer = this.#peers.get(name)
    if (peer !== undefined) return peer
    throw new AshlarError(
      'REMOTE_UNAVAILABLE',
      `region ${quote(name)} is not among the peers of region ${this.#context.region.name}`,
      { metadata: { region: name } },
    )
  }

  /** Looks at what all of them may have to be told. */
  lookAll(): void {
    for (const name of this.#peers.keys()) this.look(name)
  }

  /** Something changed that the region may have to be told. */
  look(name: string): void {
    if (!this.has(name)) return
    void this.#context.drives.look(`peer ${name}`, (signal) => this.#deliver(name, signal))
  }

  async #deliver(name: string, signal: AbortSignal): Promise<Step> {
    const { catalog, log } = this.#context
    let late: AshlarError | undefined
    for (const order of await catalog.read.peerOrders.ofPeer(name)) {
      try {
        await this.#order(order, signal)
        await catalog.writeWithReserve(async (tables) => await tables.peerOrders.remove(order.seq))
      } catch (thrown) {
        signal.throwIfAborted()
        late = asAshlarError(thrown)
        log.warn({ err: late, order: order.kind, copy: order.target }, 'order will be repeated')
        // The others would wait for the same.
        if (isTransient(late)) break
      }
    }
    return late === undefined ? { kind: 'rest' } : { kind: 'retry', error: late }
  }

  async #order({ peer, kind, target }: PeerOrderRow, signal: AbortSignal): Promise<void> {
    const { control } = this.get(peer)
    const { name: region } = this.#context.region
    if (kind === 'releaseCopy') {
      failpoint('copyRelease')
      return await control.release({ copyId: target, region }, signal)
    }
    const row = await this.#context.catalog.read.snapshots.find(target)
    // It is on its way out; that leaves an order of its own.
    if (row?.state !== 'stable') return
    failpoint('copyCommit')
    await control.commit({ copyId: target, region, copyName: row.name }, signal)
  }
}
