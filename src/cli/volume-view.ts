// How volumes look as tables: the rows and columns of the VPC CLI in its order, as far as there is
// such a thing here, then those that only we have.

import type { Volume__Output as Volume } from '../gen/ashlar/v1/Volume.js'
import { imageTable, referenceTable, systemTable } from './reference-view.js'
import { formatDetails, formatTable } from './table.js'
import { exactSize, orNothing, progressText, reasonsText, size, stateWord, time } from './text.js'

export function volumeList(volumes: readonly Volume[]): string {
  return formatTable({
    columns: [
      'ID',
      'Name',
      'Status',
      'Capacity',
      'Attachment state',
      'Zone',
      'Resource group',
      'Health',
      'Created',
    ],
    rows: volumes.map((volume) => [
      volume.id,
      volume.name,
      stateWord(volume.status),
      size(volume.capacityBytes),
      stateWord(volume.attachmentState),
      volume.zone,
      orNothing(volume.resourceGroup),
      health(volume),
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
  return formatDetails([
    ['ID', volume.id],
    ['Name', volume.name],
    ['CRN', volume.crn],
    ['Status', stateWord(volume.status)],
    ['Attachment state', stateWord(volume.attachmentState)],
    ['Capacity', exactSize(volume.capacityBytes)],
    ['Resource group', orNothing(volume.resourceGroup)],
    ['Created', time(volume.createdAt)],
    ['Zone', volume.zone],
    ['Health State', stateWord(volume.healthState)],
    ['Source snapshot', referenceTable(volume.sourceSnapshot, 'snapshot')],
    ['Tags', orNothing(volume.userTags.join(', '))],
    ['Attachments', orNothing(volume.attachmentIds.join(', '))],
    ['Status reasons', reasonsText(volume.statusReasons)],
    ['Health reasons', reasonsText(volume.healthReasons)],
    ['Hydration', progressText(volume.hydration)],
    ['Source Image', imageTable(volume.sourceImage)],
    ['Operating system', systemTable(volume.operatingSystem)],
  ])
}
