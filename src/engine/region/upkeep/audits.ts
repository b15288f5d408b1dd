// Audits: an incremental seal trusts the diff walk, so that a wrong diff gives a root that is wrong
// and consistent. From time to time a node reads one whole cut of a volume, and its root is compared.
// A mismatch is an alarm, and the volume's next snapshot is sealed from everything.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import type { SnapshotRow, VolumeRow } from '../../../catalog/rows.js'
import { nowMs } from '../core/now.js'
import { type RegionContext, linkOf } from '../nodes/context.js'
import { isTransient } from '../nodes/node-link.js'

/** Of one volume; a full seal counts as one. */
const auditEveryMs = 24 * 3600 * 1000
const lookEveryMs = 15 * 60 * 1000

export class Audits {
  readonly #context: RegionContext
  readonly #stop = new AbortController()
  #ended: Promise<void> = Promise.resolve()

  constructor(context: RegionContext) {
    this.#context = context
  }

  start(): void {
    this.#ended = this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort(new AshlarError('SHUTTING_DOWN', 'the region is stopping'))
    await this.#ended
  }

  /** Audits the volumes whose time has come, one after the other. */
  async look(): Promise<void> {
    const { catalog, clock } = this.#context
    const due = await catalog.read.volumes.auditedBefore(nowMs(clock) - auditEveryMs)
    for (const volume of due) {
      this.#stop.signal.throwIfAborted()
      const newest = await catalog.read.snapshots.stableBefore(volume.id, Number.MAX_SAFE_INTEGER)
      if (newest !== undefined && this.#isHere(newest)) await this.#audit(volume, newest)
    }
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#context
    const signal = this.#stop.signal
    while (!signal.aborted) {
      await clock.sleep(lookEveryMs, signal).catch(() => undefined)
      await this.look().catch((thrown: unknown) => {
        if (!signal.aborted) log.warn({ err: thrown }, 'audits failed')
      })
    }
  }

  #isHere({ id, node }: SnapshotRow): boolean {
    const records = this.#context.links.get(node)?.freshRecords
    return records?.cuts.some(({ snapshotId, sealed }) => snapshotId === id && sealed) === true
  }

  async #audit(volume: VolumeRow, snapshot: SnapshotRow): Promise<void> {
    const { catalog, clock, log } = this.#context
    try {
      const rootHex = await linkOf(this.#context, snapshot.node).audit(
        snapshot.id,
        this.#stop.signal,
      )
      if (rootHex !== snapshot.rootHex) await this.#alarm(volume, snapshot, rootHex)
    } catch (thrown) {
      this.#stop.signal.throwIfAborted()
      const error = asAshlarError(thrown)
      log.error({ err: error, snapshot: snapshot.id, volume: volume.id }, 'a cut was not audited')
      // Another time; what the cut itself is to blame for would only come again.
      if (isTransient(error)) return
    }
    const auditedMs = nowMs(clock)
    await catalog.write(async (tables) => await tables.volumes.update(volume.id, { auditedMs }))
  }

  async #alarm(volume: VolumeRow, snapshot: SnapshotRow, found: string): Promise<void> {
    const { catalog, log } = this.#context
    const message = `reading the whole cut of volume ${volume.id} gave root ${found}`
    log.error(
      { snapshot: snapshot.id, volume: volume.id, root: snapshot.rootHex, found },
      'audit mismatch: the next snapshot of the volume is sealed from everything',
    )
    await catalog.writeWithReserve(async (tables) => {
      await tables.snapshots.update(snapshot.id, { reason: { code: 'audit_mismatch', message } })
      await tables.volumes.update(volume.id, { fullSeal: true })
      await tables.snapshots.sealFully(volume.id)
    })
  }
}
