// A region's link to one node: a watch that is begun again whenever it ends, what the node said
// last, and orders with a time limit. Being away is a state, not an error: work waits for it.

import type { Clock } from '../../../base/clock.js'
import { AshlarError, asAshlarError } from '../../../base/error.js'
import { failpoint } from '../../../base/failpoint.js'
import type { Logger } from '../../../base/logger.js'
import { RateMeter } from '../../../base/rate-meter.js'
import type { PoolOrder } from '../../../native/binding.js'
import { Backoff } from '../../backoff.js'
import {
  type NodeRecords,
  type OrderAnswer,
  type PoolGrowth,
  type Revision,
  type ZoneControl,
  isIrreversible,
  zoneTiming,
} from '../../zone-control.js'
import type { ShownPool } from './pool-history.js'

/** Whether a node takes part in its region yet (recovery.ts). */
export interface Admission {
  /** Settles when what the node has is known here. Throws when it cannot be; the node stays away. */
  admit(records: NodeRecords): Promise<void>
  takesOrders(node: string): boolean
}

export interface NodeLinkOptions {
  readonly name: string
  readonly zone: string
  /** Name of the region that asks. */
  readonly region: string
  readonly control: ZoneControl
  readonly admission: Admission
  /** Called with what each list and heartbeat says of the pool, before it is believed otherwise. */
  readonly notePool?: (shown: ShownPool) => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

export type LinkState =
  | { readonly kind: 'away'; readonly why: string }
  | { readonly kind: 'here'; readonly records: NodeRecords }

export interface OrderOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What is on its way to the node, and how fast. */
export interface Moving {
  readonly doneBytes: bigint
  readonly totalBytes: bigint
  /** Why the last attempt to fetch failed; undefined while it goes well. */
  readonly trouble: string | undefined
  /** Over the last few seconds. */
  readonly bytesPerSecond: bigint
}

type Progress = Omit<Moving, 'bytesPerSecond'>

/** `back`: these are the first records after the node was away. */
type Listener = (back: boolean) => void

export class NodeLink {
  readonly name: string
  readonly zone: string
  readonly #options: NodeLinkOptions
  readonly #backoff: Backoff
  readonly #stop = new AbortController()
  readonly #listeners: Listener[] = []
  /** Of volumes and clones, by id. */
  readonly #moving = new Map<string, { readonly meter: RateMeter; progress: Progress }>()
  #state: LinkState = { kind: 'away', why: 'it has not been reached yet' }
  #acknowledged: Revision | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(options: NodeLinkOptions) {
    this.name = options.name
    this.zone = options.zone
    this.#options = options
    this.#backoff = new Backoff(options.clock, { firstMs: 50, lastMs: 2000 })
  }

  start(): void {
    this.#ended = this.#watch()
  }

  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the region is stopping'))
    await this.#ended
  }

  /** Whatever fails now fails because this side ends, and says nothing about the node. */
  get stopped(): boolean {
    return this.#stop.signal.aborted
  }

  get state(): LinkState {
    return this.#state
  }

  /** Throws REMOTE_UNAVAILABLE when the node is away. */
  requireHere(): NodeRecords {
    if (this.#state.kind === 'here') return this.#state.records
    throw this.#unavailable(this.#state.why)
  }

  /**
   * Records taken after every order this region knows to be done; undefined when the node is away or
   * has not sent them yet. Only these prove that something is absent.
   */
  get freshRecords(): NodeRecords | undefined {
    if (this.#state.kind === 'away') return undefined
    const { records } = this.#state
    const acknowledged = this.#acknowledged
    if (acknowledged === undefined) return records
    const { bootId, number } = records.revision
    return bootId === acknowledged.bootId && number >= acknowledged.number ? records : undefined
  }

  hydrationOf(volumeId: string): Moving | undefined {
    return this.#movingOf(volumeId)
  }

  cloneProgressOf(cloneId: string): Moving | undefined {
    return this.#movingOf(cloneId)
  }

  /** Called with every list of records, the first one after a connect included. */
  onRecords(listener: Listener): void {
    this.#listeners.push(listener)
  }

  /** Throws REMOTE_UNAVAILABLE when the node does not answer in time, and what the node answers. */
  async order(order: PoolOrder, { timeoutMs, signal }: OrderOptions): Promise<OrderAnswer> {
    if (!this.#options.admission.takesOrders(this.name)) {
      throw this.#unavailable('what it has is not known here yet')
    }
    const late = AbortSignal.timeout(timeoutMs)
    const ended = AbortSignal.any([signal, this.#stop.signal, late])
    try {
      if (isIrreversible(order)) failpoint('nodeOrder')
      const answer = await this.#options.control.order(order, ended)
      this.#acknowledge(answer.revision)
      return answer
    } catch (thrown) {
      signal.throwIfAborted()
      this.#stop.signal.throwIfAborted()
      if (late.aborted) throw this.#unavailable(`no answer within ${timeoutMs / 1000} s`, thrown)
      throw thrown
    }
  }

  /** The Merkle root of a cut from reading all of it, which may take hours. */
  async audit(snapshotId: string, signal: AbortSignal): Promise<string> {
    return await this.#options.control.audit(
      snapshotId,
      AbortSignal.any([signal, this.#stop.signal]),
    )
  }

  /** Throws REMOTE_UNAVAILABLE when the node is away, and what the node answers. */
  async growPool(signal: AbortSignal): Promise<PoolGrowth> {
    this.requireHere()
    return await this.#options.control.growPool(AbortSignal.any([signal, this.#stop.signal]))
  }

  // A restarted node counts from zero under a new boot id: its acknowledgements replace older ones.
  #acknowledge(revision: Revision): void {
    const before = this.#acknowledged
    if (before?.bootId === revision.bootId && before.number > revision.number) return
    this.#acknowledged = revision
  }

  async #watch(): Promise<void> {
    const { log } = this.#options
    const signal = this.#stop.signal
    while (!signal.aborted) {
      try {
        await this.#follow(signal)
        throw new AshlarError('REMOTE_UNAVAILABLE', 'the node ended its watch')
      } catch (thrown) {
        if (signal.aborted) break
        const { message } = asAshlarError(thrown)
        if (this.#state.kind === 'here' || this.#state.why !== message) {
          log.warn({ err: thrown, node: this.name }, 'node is away')
        }
        this.#state = { kind: 'away', why: message }
      }
      await this.#backoff.wait(signal).catch(() => undefined)
    }
    this.#state = { kind: 'away', why: 'the region is stopping' }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { control, region } = this.#options
    const silence = new AbortController()
    const lost = new AshlarError('REMOTE_UNAVAILABLE', 'the node has been silent for too long')
    const watchdog = setTimeout(() => silence.abort(lost), zoneTiming.silenceMs)
    try {
      for await (const event of control.watch(region, AbortSignal.any([signal, silence.signal]))) {
        watchdog.refresh()
        if (event.kind === 'records') await this.#received(event.records)
        if (event.kind === 'heartbeat') await this.#beat(event.poolGeneration)
        if (event.kind === 'hydration') this.#moved(event.progress.volumeId, event.progress)
        if (event.kind === 'clone') this.#moved(event.progress.cloneId, event.progress)
      }
    } finally {
      clearTimeout(watchdog)
    }
  }

  #moved(id: string, progress: Progress): void {
    const found = this.#moving.get(id)
    const moving = found ?? { meter: new RateMeter(this.#options.clock), progress }
    moving.progress = progress
    moving.meter.note(progress.doneBytes)
    this.#moving.set(id, moving)
  }

  #movingOf(id: string): Moving | undefined {
    const found = this.#moving.get(id)
    if (found === undefined) return undefined
    return { ...found.progress, bytesPerSecond: found.meter.bytesPerSecond }
  }

  async #received(records: NodeRecords): Promise<void> {
    const { name, zone } = records.node
    if (name !== this.name || zone !== this.zone) {
      throw new AshlarError(
        'FAILED_PRECONDITION',
        `the address of node ${this.name} in zone ${this.zone} is answered by node ${name} in zone ${zone}`,
      )
    }
    await this.#notePool(records, records.node.poolGeneration)
    await this.#options.admission.admit(records)
    this.#stop.signal.throwIfAborted()
    this.#seen(records)
  }

  async #beat(poolGeneration: bigint): Promise<void> {
    if (this.#state.kind === 'here') await this.#notePool(this.#state.records, poolGeneration)
  }

  async #notePool({ node, revision }: NodeRecords, generation: bigint): Promise<void> {
    const { poolId, poolOpenedGeneration: openedGeneration } = node
    const { bootId } = revision
    const shown = { node: this.name, bootId, poolId, generation, openedGeneration }
    await this.#options.notePool?.(shown)
  }

  #seen(records: NodeRecords): void {
    const was = this.#state.kind
    // Numbers of a former life of the node are not comparable; this list is younger than all of them.
    if (was === 'away' && this.#acknowledged?.bootId !== records.revision.bootId) {
      this.#acknowledged = undefined
    }
    this.#state = { kind: 'here', records }
    this.#backoff.reset()
    const wanting = new Set<string>([
      ...records.volumes.filter(({ hydrated }) => !hydrated).map(({ volumeId }) => volumeId),
      ...records.clones.filter(({ available }) => !available).map(({ cloneId }) => cloneId),
    ])
    for (const id of this.#moving.keys()) if (!wanting.has(id)) this.#moving.delete(id)
    if (was === 'away') this.#options.log.info({ node: this.name }, 'node is here')
    for (const listener of this.#listeners) listener(was === 'away')
  }

  #unavailable(why: string, cause?: unknown): AshlarError {
    return new AshlarError(
      'REMOTE_UNAVAILABLE',
      `node ${this.name} of zone ${this.zone} is away (${why})`,
      { retryDelayMs: 1000, metadata: { zone: this.zone, node: this.name }, cause },
    )
  }
}

/** Failures that say nothing about the order itself: it may be repeated, and may have been done. */
export function isTransient(error: AshlarError): boolean {
  switch (error.code) {
    case 'REMOTE_UNAVAILABLE':
    case 'DEADLINE':
    case 'CANCELLED':
    case 'SHUTTING_DOWN':
      return true
    default:
      return false
  }
}
