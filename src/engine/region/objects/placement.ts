// Where a new volume goes, and where its content comes from: a node of the zone that holds the
// snapshot's cut, or a clone, has nothing to fetch; any other hydrates from the region, under a pin.

import { AshlarError, invalidArgument } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { Labels, PinRow, SnapshotRow, VolumeRow, VolumeSource } from '../../../catalog/rows.js'
import { resolveSnapshot } from '../core/resolve.js'
import type { CreateVolume } from '../core/specs.js'
import { makePin } from '../jobs/make-pin.js'
import { type RegionContext, linkOf } from '../nodes/context.js'
import type { NodeLink } from '../nodes/node-link.js'
import { holdsClone, holdsCut, nodesOfZone, roomiest } from '../nodes/zone-nodes.js'

export interface Place {
  readonly node: string
  readonly bytes: bigint
  readonly source: VolumeSource
  /** Nothing of the source is missing, from the first moment on. */
  readonly hydrated: boolean
  /** To be written with the volume. */
  readonly pin: PinRow | undefined
  readonly inherited: Labels | undefined
}

export class Placement {
  readonly #context: RegionContext

  constructor(context: RegionContext) {
    this.#context = context
  }

  async choose(tables: Tables, spec: CreateVolume, volumeId: Id): Promise<Place> {
    const links = nodesOfZone(this.#context, spec.zone, 'zone')
    if (spec.sourceSnapshot !== undefined) {
      const snapshot = await this.#source(tables, spec.sourceSnapshot)
      return this.#restored(links, snapshot, spec, volumeId)
    }
    if (spec.capacityBytes === undefined) {
      throw invalidArgument(
        'capacity_bytes',
        'capacity_bytes is required without a source_snapshot',
      )
    }
    const node = roomiest(links).name
    return {
      node,
      bytes: spec.capacityBytes,
      source: { kind: 'empty' },
      hydrated: true,
      pin: undefined,
      inherited: undefined,
    }
  }

  /**
   * The node no longer has the cut that the volume was to be made from. A stable snapshot is in the
   * region too: the volume hydrates from there. Answers whether it may be tried again.
   */
  async replaceLostCut(row: VolumeRow, refused: AshlarError): Promise<boolean> {
    const { source } = row
    if (source.kind !== 'cut' || !isMissing(refused)) return false
    return await this.#context.catalog.write(async (tables) => {
      const snapshot = await tables.snapshots.find(source.snapshotId)
      const pin = snapshot === undefined ? undefined : this.#pin(snapshot, row.node, row.id)
      if (pin === undefined) return false
      await tables.pins.insert(pin)
      await tables.volumes.update(row.id, {
        source: { ...source, kind: 'origin', pinId: pin.id },
        hydrated: false,
      })
      return true
    })
  }

  async #source(
    tables: Tables,
    reference: NonNullable<CreateVolume['sourceSnapshot']>,
  ): Promise<SnapshotRow> {
    const row = await resolveSnapshot(tables, reference, this.#context, 'source_snapshot')
    const options = { field: 'source_snapshot', metadata: { snapshot: row.id } }
    if (row.state === 'failed') {
      throw new AshlarError('SNAPSHOT_FAILED', `snapshot ${row.id} has failed`, options)
    }
    if (row.state === 'deleting') {
      throw new AshlarError('SNAPSHOT_NOT_FOUND', `snapshot ${row.id} is being deleted`, options)
    }
    return row
  }

  #restored(
    links: readonly NodeLink[],
    snapshot: SnapshotRow,
    spec: CreateVolume,
    volumeId: Id,
  ): Place {
    const bytes = spec.capacityBytes ?? snapshot.bytes
    if (bytes < snapshot.bytes) {
      throw new AshlarError(
        'CAPACITY_BELOW_MINIMUM',
        `${bytes} bytes are less than the ${snapshot.bytes} of snapshot ${snapshot.id}`,
        { field: 'capacity_bytes', metadata: { minimum: String(snapshot.bytes) } },
      )
    }
    const origin = { snapshotId: snapshot.id, snapshotName: snapshot.name }
    const inherited = snapshot.labels
    const holders = links.filter((link) => holdsCut(link, snapshot))
    if (holders.length > 0) {
      const source: VolumeSource = { kind: 'cut', ...origin }
      const link = roomiest(holders)
      const hydrated = holdsClone(link, snapshot)
      return { node: link.name, bytes, source, hydrated, pin: undefined, inherited }
    }
    if (snapshot.state !== 'stable') throw this.#pending(links, snapshot)
    const node = roomiest(links).name
    const pin = this.#pin(snapshot, node, volumeId)
    if (pin === undefined) throw new AshlarError('INTERNAL', `${snapshot.id} has no manifest`)
    const source: VolumeSource = { kind: 'origin', ...origin, pinId: pin.id }
    return { node, bytes, source, hydrated: false, pin, inherited }
  }

  #pending(links: readonly NodeLink[], snapshot: SnapshotRow): AshlarError {
    const own = links.find(({ name }) => name === snapshot.node)
    if (own !== undefined && snapshot.state !== 'cutting') own.requireHere()
    return new AshlarError(
      'SNAPSHOT_PENDING',
      snapshot.node === ''
        ? `snapshot ${snapshot.id} is pending: a copy restores once it is stable`
        : `snapshot ${snapshot.id} is pending: until it is stable it restores only in zone ${snapshot.zone}`,
      { field: 'source_snapshot', metadata: { snapshot: snapshot.id, zone: snapshot.zone } },
    )
  }

  #pin(snapshot: SnapshotRow, node: string, volumeId: Id): PinRow | undefined {
    const holder = linkOf(this.#context, node).name
    return makePin(this.#context, snapshot, { holder, purpose: 'restore', objectId: volumeId })
  }
}

function isMissing(error: AshlarError): boolean {
  return (
    error.code === 'SNAPSHOT_NOT_FOUND' || error.code === 'NOT_FOUND' || error.code === 'TOMBSTONE'
  )
}
