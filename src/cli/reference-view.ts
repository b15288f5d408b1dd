// Other objects that an object names, as tables inside its details.

import type { ImageReference__Output as ImageReference } from '../gen/ashlar/v1/ImageReference.js'
import type { OperatingSystem__Output as OperatingSystem } from '../gen/ashlar/v1/OperatingSystem.js'
import type { SnapshotReference__Output as SnapshotReference } from '../gen/ashlar/v1/SnapshotReference.js'
import type { VolumeReference__Output as VolumeReference } from '../gen/ashlar/v1/VolumeReference.js'
import type { Table } from './table.js'
import { nothing, orNothing } from './text.js'

export const referenceColumns = ['ID', 'Name', 'Remote region', 'CRN'] as const

export function referenceTable(reference: VolumeReference | SnapshotReference): Table {
  return { columns: referenceColumns, rows: [referenceRow(reference)] }
}

export function referenceRow(reference: VolumeReference | SnapshotReference): readonly string[] {
  const name = reference.deleted ? `${reference.name} (deleted)` : reference.name
  return [
    reference.id,
    orNothing(name),
    orNothing(reference.remoteRegion),
    orNothing(reference.crn),
  ]
}

export function imageTable(image: ImageReference | null): Table | string {
  if (image === null) return nothing
  return {
    columns: ['ID', 'Name', 'CRN'],
    rows: [[image.id, image.name, image.crn].map(orNothing)],
  }
}

export function systemTable(system: OperatingSystem | null): Table | string {
  if (system === null) return nothing
  const { name, vendor, version, family, architecture, displayName } = system
  return {
    columns: ['Name', 'Vendor', 'Version', 'Family', 'Architecture', 'Display name'],
    rows: [[name, vendor, version, family, architecture, displayName].map(orNothing)],
  }
}
