// How snapshots look as tables.

import type { Snapshot__Output as Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { SnapshotClone__Output as SnapshotClone } from '../gen/ashlar/v1/SnapshotClone.js'
import type { SnapshotCopy__Output as SnapshotCopy } from '../gen/ashlar/v1/SnapshotCopy.js'
import {
  imageTable,
  referenceColumns,
  referenceRow,
  referenceTable,
  systemTable,
} from './reference-view.js'
import { type Table, formatDetails, formatTable } from './table.js'
import {
  nothing,
  orNothing,
  progressText,
  reasonsText,
  size,
  stateWord,
  time,
  yesNo,
} from './text.js'

export function snapshotList(snapshots: readonly Snapshot[]): string {
  return formatTable({
    columns: [
      'ID',
      'Name',
      'Status',
      'Progress',
      'Source volume',
      'Bootable',
      'Resource group',
      'Created',
    ],
    rows: snapshots.map((snapshot) => [
      snapshot.id,
      snapshot.name,
      stateWord(snapshot.lifecycleState),
      `${snapshot.progress?.percent ?? 0} %`,
      orNothing(snapshot.sourceVolume?.name ?? ''),
      yesNo(snapshot.bootable),
      snapshot.resourceGroup,
      time(snapshot.createdAt),
    ]),
  })
}

export function snapshotDetails(snapshot: Snapshot): string {
  return formatDetails([
    ['ID', snapshot.id],
    ['Name', snapshot.name],
    ['CRN', snapshot.crn],
    ['Status', stateWord(snapshot.lifecycleState)],
    ['Status reasons', reasonsText(snapshot.lifecycleReasons)],
    ['Progress', progressText(snapshot.progress)],
    ['Clones', cloneTable(snapshot.clones)],
    [
      'Source volume',
      snapshot.sourceVolume === null ? nothing : referenceTable(snapshot.sourceVolume),
    ],
    ['Snapshot copies', copyTable(snapshot.copies)],
    ['Bootable', yesNo(snapshot.bootable)],
    [
      'Source snapshot',
      snapshot.sourceSnapshot === null ? nothing : referenceTable(snapshot.sourceSnapshot),
    ],
    [
      'Minimum capacity',
      `${size(snapshot.minimumCapacityBytes)} (${snapshot.minimumCapacityBytes} bytes)`,
    ],
    ['Stored', `${size(snapshot.storedBytes)} (${snapshot.storedBytes} bytes)`],
    ['Root', orNothing(snapshot.root)],
    ['Source image', imageTable(snapshot.sourceImage)],
    ['Operating system', systemTable(snapshot.operatingSystem)],
    ['Resource group', snapshot.resourceGroup],
    ['Created', time(snapshot.createdAt)],
    ['Captured at', time(snapshot.capturedAt)],
    ['Tags', orNothing(snapshot.userTags.join(', '))],
  ])
}

function cloneTable(clones: readonly SnapshotClone[]): Table {
  return {
    columns: ['Zone', 'Available', 'Created'],
    rows: clones.map((clone) => [clone.zone, yesNo(clone.available), time(clone.createdAt)]),
  }
}

function copyTable(copies: readonly SnapshotCopy[]): Table {
  return {
    columns: referenceColumns,
    rows: copies.flatMap((copy) => (copy.snapshot === null ? [] : [referenceRow(copy.snapshot)])),
  }
}
