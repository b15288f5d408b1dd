// How volumes look as tables.

import type { Volume__Output as Volume } from '../gen/ashlar/v1/Volume.js'
import { referenceTable, systemTable, imageTable } from './reference-view.js'
import { type Detail, formatDetails, formatTable } from './table.js'
import { nothing, orNothing, progressText, reasonsText, size, stateWord, time } from './text.js'

export function volumeList(volumes: readonly Volume[]): string {
  return formatTable({
    columns: [
      'ID',
      'Name',
      'Status',
      'Capacity',
      'Attachment state',
      'Health',
      'Zone',
      'Resource group',
      'Created',
    ],
    rows: volumes.map((volume) => [
      volume.id,
      volume.name,
      stateWord(volume.status),
      size(volume.capacityBytes),
      stateWord(volume.attachmentState),
      health(volume),
      volume.zone,
      volume.resourceGroup,
      time(volume.createdAt),
    ]),
  })
}

/** "degraded (42 % hydrated)". */
function health(volume: Volume): string {
  const state = stateWord(volume.healthState)
  const percent = volume.hydration?.percent ?? 100
  return percent < 100 ? `${state} (${percent} % hydrated)` : state
}

export function volumeDetails(volume: Volume): string {
  const details: Detail[] = [
    ['ID', volume.id],
    ['Name', volume.name],
    ['CRN', volume.crn],
    ['Status', stateWord(volume.status)],
    ['Status reasons', reasonsText(volume.statusReasons)],
    ['Attachment state', stateWord(volume.attachmentState)],
    ['Attachments', orNothing(volume.attachmentIds.join(', '))],
    ['Capacity', `${size(volume.capacityBytes)} (${volume.capacityBytes} bytes)`],
    ['Resource group', volume.resourceGroup],
    ['Created', time(volume.createdAt)],
    ['Zone', volume.zone],
    ['Health state', stateWord(volume.healthState)],
    ['Health reasons', reasonsText(volume.healthReasons)],
    [
      'Source snapshot',
      volume.sourceSnapshot === null ? nothing : referenceTable(volume.sourceSnapshot),
    ],
    ['Hydration', progressText(volume.hydration)],
    ['Source image', imageTable(volume.sourceImage)],
    ['Operating system', systemTable(volume.operatingSystem)],
    ['Tags', orNothing(volume.userTags.join(', '))],
  ]
  return formatDetails(details)
}
