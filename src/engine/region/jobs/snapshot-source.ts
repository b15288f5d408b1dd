// What a region lets its nodes and other regions pull: the snapshots that are pinned for them.

import { AshlarError } from '../../../base/error.js'
import { isId } from '../../../base/ids.js'
import type { Catalog } from '../../../catalog/catalog.js'
import type { PinRow, SnapshotRow } from '../../../catalog/rows.js'
import type { Binding } from '../../../native/binding.js'
import type { OpenedSource, PullOpen, PullSource } from '../../puller.js'
import type { LazyStore } from '../core/lazy-store.js'
import type { Copies } from './copies.js'

export interface SnapshotSourceOptions {
  readonly native: Binding
  readonly store: LazyStore
  readonly catalog: Catalog
  readonly copies: Copies
}

export class SnapshotSource implements PullSource {
  readonly #options: SnapshotSourceOptions

  constructor(options: SnapshotSourceOptions) {
    this.#options = options
  }

  /** The pin's own manifest is served, so that the snapshot may be deleted meanwhile. */
  async open(request: PullOpen): Promise<OpenedSource> {
    const { native, store, copies } = this.#options
    const pin = await this.#pinned(request)
    const { manifest } = pin
    if (pin.purpose === 'copy') await copies.heard(pin)
    const base = await this.#base(request)
    const baseRoot = base?.rootHex === undefined ? {} : { baseRootHex: base.rootHex }
    const channel = await native.openSnapshotSource(await store.get(), { manifest, ...baseRoot })
    const volumeBytes = volumeBytesOf(manifest)
    return { channel, volumeBytes, manifest, baseAgreed: base !== undefined }
  }

  // What the receiver calls the base: a snapshot of this region, or what one here is a copy of too.
  // Nothing keeps it: should it go during the pull, the receiver pulls again without it.
  async #base({ baseSnapshotId = '' }: PullOpen): Promise<SnapshotRow | undefined> {
    if (!isId(baseSnapshotId)) return undefined
    const { snapshots } = this.#options.catalog.read
    const row = (await snapshots.find(baseSnapshotId)) ?? (await snapshots.copyOf(baseSnapshotId))
    return row?.state === 'stable' ? row : undefined
  }

  async #pinned({ pinId = '', site, snapshotId }: PullOpen): Promise<PinRow> {
    const pin = isId(pinId) ? await this.#options.catalog.read.pins.find(pinId) : undefined
    if (pin !== undefined && pin.holder === site && pin.snapshotId === snapshotId) return pin
    throw new AshlarError(
      'PERMISSION_DENIED',
      `snapshot ${snapshotId} is not pinned as ${JSON.stringify(pinId)} for ${JSON.stringify(site)}`,
      { field: 'pin_id' },
    )
  }
}

// Manifest: magic 8, version 4, chunk bytes 4, fan-out 4, zero 4, then the volume's bytes.
export function volumeBytesOf(manifest: Buffer): bigint {
  return manifest.readBigUInt64LE(24)
}
