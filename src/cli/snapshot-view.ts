// How snapshots and their clones look as tables: the rows and columns of the VPC CLI in its order, as
// far as there is such a thing here, then those that only we have.

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
  exactSize,
  nothing,
  orNothing,
  progressText,
  reasonsText,
  stateWord,
  time,
  wholeGib,
  yesNo,
} from './text.js'

export function snapshotList(snapshots: readonly Snapshot[]): string {
  return formatTable({
    columns: [
      'ID',
      'Name',
      'Status',
      'Source volume',
      'Bootable',
      'Resource group',
      'Created',
      'Progress',
    ],
    rows: snapshots.map((snapshot) => [
      snapshot.id,
      snapshot.name,
      stateWord(snapshot.lifecycleState),
      orNothing(snapshot.sourceVolume?.name ?? ''),
      yesNo(snapshot.bootable),
      orNothing(snapshot.resourceGroup),
      time(snapshot.createdAt),
      `${snapshot.progress?.percent ?? 0} %`,
    ]),
  })
}

export function snapshotDetails(snapshot: Snapshot): string {
  // Until it is stable, 0 means that nobody knows yet.
  const isStable = snapshot.lifecycleState === 'LIFECYCLE_STATE_STABLE'
  const known = (bytes: string) => (bytes === '0' && !isStable ? nothing : exactSize(bytes))
  return formatDetails([
    ['ID', snapshot.id],
    ['Name', snapshot.name],
    ['CRN', snapshot.crn],
    ['Status', stateWord(snapshot.lifecycleState)],
    ['Clones', cloneTable(snapshot.clones)],
    ['Source volume', referenceTable(snapshot.sourceVolume, 'volume')],
    ['Snapshot Copies', copyTable(snapshot.copies)],
    ['Bootable', yesNo(snapshot.bootable)],
    ['Encryption', orNothing(stateWord(snapshot.encryption))],
    ['Encryption key', orNothing(snapshot.encryptionKeyCrn)],
    ['Source Snapshot', referenceTable(snapshot.sourceSnapshot, 'snapshot')],
    ['Minimum capacity(GB)', wholeGib(snapshot.minimumCapacityBytes)],
    ['Size(GB)', wholeGib(snapshot.storedBytes)],
    ['Source Image', imageTable(snapshot.sourceImage)],
    ['Operating system', systemTable(snapshot.operatingSystem)],
    ['Resource group', orNothing(snapshot.resourceGroup)],
    ['Created', time(snapshot.createdAt)],
    ['Captured at', time(snapshot.capturedAt)],
    ['Tags', orNothing(snapshot.userTags.join(', '))],
    ['Service Tags', orNothing(snapshot.serviceTags.join(', '))],
    ['Status reasons', reasonsText(snapshot.lifecycleReasons)],
    ['Progress', progressText(snapshot.progress)],
    ['Capacity', exactSize(snapshot.minimumCapacityBytes)],
    ['Data', known(snapshot.logicalBytes)],
    ['Transferred', known(snapshot.transferredBytes)],
    ['Stored', known(snapshot.storedBytes)],
    ['Root', orNothing(snapshot.root)],
  ])
}

export const cloneList = (clones: readonly SnapshotClone[]): string =>
  formatTable({
    columns: ['Zone', 'Available', 'Created', 'Progress', 'Reasons'],
    rows: clones.map((clone) => [
      clone.zone,
      yesNo(clone.available),
      time(clone.createdAt),
      `${clone.progress?.percent ?? 0} %`,
      reasonsText(clone.reasons),
    ]),
  })

export const cloneDetails = (clone: SnapshotClone): string =>
  formatDetails([
    ['Zone', clone.zone],
    ['Available', yesNo(clone.available)],
    ['Created', time(clone.createdAt)],
    ['Progress', progressText(clone.progress)],
    ['Reasons', reasonsText(clone.reasons)],
  ])

function cloneTable(clones: readonly SnapshotClone[]): Table {
  return {
    columns: ['Zone', 'Available', 'Created'],
    rows: clones.map((clone) => [clone.zone, yesNo(clone.available), time(clone.createdAt)]),
  }
}

function copyTable(copies: readonly SnapshotCopy[]): Table {
  return {
    columns: referenceColumns,
    rows: copies.flatMap(({ snapshot }) =>
      snapshot === null ? [] : [referenceRow(snapshot, 'snapshot')],
    ),
  }
}
