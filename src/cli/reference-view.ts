// Other objects that an object names, as tables inside its details.

import type { ImageReference__Output as ImageReference } from '../gen/ashlar/v1/ImageReference.js'
import type { OperatingSystem__Output as OperatingSystem } from '../gen/ashlar/v1/OperatingSystem.js'
import type { SnapshotReference__Output as SnapshotReference } from '../gen/ashlar/v1/SnapshotReference.js'
import type { VolumeReference__Output as VolumeReference } from '../gen/ashlar/v1/VolumeReference.js'
import type { Table } from './table.js'
import { nothing, orNothing } from './text.js'

type Reference = VolumeReference | SnapshotReference

export const referenceColumns = ['ID', 'Name', 'Remote Region', 'CRN', 'Resource type'] as const

export function referenceTable(reference: Reference | null, type: string): Table | string {
  if (reference === null) return nothing
  return { columns: referenceColumns, rows: [referenceRow(reference, type)] }
}

export function referenceRow(reference: Reference, type: string): readonly string[] {
  const name = reference.deleted ? `${reference.name} (deleted)` : reference.name
  return [reference.id, name, reference.remoteRegion, reference.crn, type].map(orNothing)
}

export function imageTable(image: ImageReference | null): Table | string {
  if (image === null) return nothing
  return {
    columns: referenceColumns,
    rows: [[image.id, image.name, '', image.crn, 'image'].map(orNothing)],
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
