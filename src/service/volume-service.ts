// ashlar.v1.VolumeService.

import { checkCapacity } from '../base/capacity.js'
import { invalidArgument } from '../base/error.js'
import { parseRequestId, quote } from '../base/ids.js'
import { parseName } from '../base/names.js'
import { type Reference, parseReference } from '../base/reference.js'
import { parseResourceGroup } from '../base/resource-group.js'
import { parseTags } from '../base/tags.js'
import type { VolumeFilter } from '../catalog/volumes.js'
import type { CreateVolume, DeleteObject, UpdateVolume } from '../engine/region/core/specs.js'
import type { VolumeView } from '../engine/region/objects/views.js'
import type { Region } from '../engine/region/region.js'
import type { CreateVolumeRequest__Output } from '../gen/ashlar/v1/CreateVolumeRequest.js'
import type { DeleteVolumeRequest__Output } from '../gen/ashlar/v1/DeleteVolumeRequest.js'
import type { ListVolumesRequest__Output } from '../gen/ashlar/v1/ListVolumesRequest.js'
import type { UpdateVolumeRequest__Output } from '../gen/ashlar/v1/UpdateVolumeRequest.js'
import type { Volume } from '../gen/ashlar/v1/Volume.js'
import type { VolumeHealthState } from '../gen/ashlar/v1/VolumeHealthState.js'
import type { VolumeServiceHandlers } from '../gen/ashlar/v1/VolumeService.js'
import type { VolumeStatus } from '../gen/ashlar/v1/VolumeStatus.js'
import { encodeLabels, encodeMs, encodeProgress, encodeReasons, encodeReference } from './encode.js'
import { encodePage, parsePage } from './paging.js'
import {
  parseCapacity,
  parseFilterText,
  parseImage,
  parseMask,
  parseOperatingSystem,
  parseOptionalName,
} from './parse.js'
import type { Handlers } from './unary.js'

export function volumeHandlers({ volumes }: Region, handlers: Handlers) {
  return {
    CreateVolume: handlers.unary(async (request) =>
      encodeVolume(await volumes.create(parseCreate(request))),
    ),
    GetVolume: handlers.unary(async ({ volume }) =>
      encodeVolume(await volumes.get(parseReference(volume, 'volume', 'volume'))),
    ),
    ListVolumes: handlers.unary(async (request) => {
      const filter = parseFilter(request)
      const page = await volumes.list(filter, parsePage(request, filter))
      const { items, ...rest } = encodePage(page, filter, encodeVolume)
      return { volumes: items, ...rest }
    }),
    UpdateVolume: handlers.unary(async (request) =>
      encodeVolume(await volumes.update(parseUpdate(request))),
    ),
    DeleteVolume: handlers.unary(async (request) => {
      const left = await volumes.delete(parseDelete(request))
      return left === undefined ? {} : { volume: encodeVolume(left) }
    }),
  } satisfies VolumeServiceHandlers
}

function parseCreate(request: CreateVolumeRequest__Output): CreateVolume {
  const { zone, sourceSnapshot } = request
  if (zone === '') throw invalidArgument('zone', 'zone is required')
  return {
    name: parseOptionalName(request.name),
    zone: parseName(zone, 'zone'),
    capacityBytes: parseCapacity(request.capacityBytes),
    sourceSnapshot: sourceSnapshot === '' ? undefined : parseSource(sourceSnapshot),
    userTags: parseTags(request.userTags),
    resourceGroup: parseResourceGroup(request.resourceGroup),
    operatingSystem: parseOperatingSystem(request.operatingSystem),
    sourceImage: parseImage(request.sourceImage),
    requestId: parseRequestId(request.requestId),
  }
}

function parseUpdate(request: UpdateVolumeRequest__Output): UpdateVolume {
  const { name, userTags, capacityBytes, etag } = request
  const mask = parseMask(request.updateMask, ['name', 'user_tags', 'capacity_bytes'])
  return {
    volume: parseReference(request.volume, 'volume', 'volume'),
    ...(mask.has('name') ? { name: parseName(name) } : {}),
    ...(mask.has('user_tags') ? { userTags: parseTags(userTags) } : {}),
    ...(mask.has('capacity_bytes') ? { capacityBytes: checkCapacity(BigInt(capacityBytes)) } : {}),
    etag,
    requestId: parseRequestId(request.requestId),
  }
}

function parseDelete({ volume, etag, requestId }: DeleteVolumeRequest__Output): DeleteObject {
  return {
    target: parseReference(volume, 'volume', 'volume'),
    etag,
    requestId: parseRequestId(requestId),
  }
}

function parseFilter(request: ListVolumesRequest__Output): VolumeFilter {
  const name = parseFilterText(request.name, 'name')
  const zone = parseFilterText(request.zone, 'zone')
  const userTag = parseFilterText(request.userTag, 'user_tag')
  const resourceGroup = parseFilterText(request.resourceGroup, 'resource_group')
  const attachmentState = parseAttachmentState(request.attachmentState)
  const sourceSnapshotId = parseSourceFilter(request.sourceSnapshot)
  return {
    ...(name === undefined ? {} : { name }),
    ...(zone === undefined ? {} : { zone }),
    ...(userTag === undefined ? {} : { userTag }),
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
    ...(attachmentState === undefined ? {} : { attachmentState }),
    ...(sourceSnapshotId === undefined ? {} : { sourceSnapshotId }),
  }
}

function parseSource(text: string): Reference {
  return parseReference(text, 'snapshot', 'source_snapshot')
}

function parseSourceFilter(text: string): VolumeFilter['sourceSnapshotId'] {
  if (text === '') return undefined
  const reference = parseSource(text)
  if (reference.kind === 'id') return reference.id
  if (reference.kind === 'crn') return reference.crn.id
  throw invalidArgument('source_snapshot', `${quote(text)} is neither an id nor a CRN`)
}

function parseAttachmentState(
  state: ListVolumesRequest__Output['attachmentState'],
): VolumeFilter['attachmentState'] {
  switch (state) {
    case 'VOLUME_ATTACHMENT_STATE_UNSPECIFIED':
      return undefined
    case 'VOLUME_ATTACHMENT_STATE_ATTACHED':
      return 'attached'
    case 'VOLUME_ATTACHMENT_STATE_UNATTACHED':
      return 'unattached'
    case 'VOLUME_ATTACHMENT_STATE_UNUSABLE':
      return 'unusable'
    default:
      throw invalidArgument('attachment_state', `${String(state)} is not an attachment_state`)
  }
}

const statuses = {
  pending: 'VOLUME_STATUS_PENDING',
  available: 'VOLUME_STATUS_AVAILABLE',
  updating: 'VOLUME_STATUS_UPDATING',
  pendingDeletion: 'VOLUME_STATUS_PENDING_DELETION',
  unusable: 'VOLUME_STATUS_UNUSABLE',
} as const satisfies Record<VolumeView['status'], VolumeStatus>

const healthStates = {
  ok: 'VOLUME_HEALTH_STATE_OK',
  degraded: 'VOLUME_HEALTH_STATE_DEGRADED',
  faulted: 'VOLUME_HEALTH_STATE_FAULTED',
  inapplicable: 'VOLUME_HEALTH_STATE_INAPPLICABLE',
} as const satisfies Record<VolumeView['health'], VolumeHealthState>

const attachmentStates = {
  attached: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
  unattached: 'VOLUME_ATTACHMENT_STATE_UNATTACHED',
  unusable: 'VOLUME_ATTACHMENT_STATE_UNUSABLE',
} as const satisfies Record<VolumeView['attachmentState'], string>

function encodeVolume(view: VolumeView): Volume {
  return {
    id: view.id,
    crn: view.crn,
    name: view.name,
    etag: view.etag,
    zone: view.zone,
    status: statuses[view.status],
    statusReasons: encodeReasons(view.statusReasons),
    healthState: healthStates[view.health],
    healthReasons: encodeReasons(view.healthReasons),
    attachmentState: attachmentStates[view.attachmentState],
    capacityBytes: String(view.capacityBytes),
    sourceSnapshot: view.sourceSnapshot === undefined ? null : encodeReference(view.sourceSnapshot),
    hydration: view.hydration === undefined ? null : encodeProgress(view.hydration),
    attachmentIds: [...view.attachmentIds],
    createdAt: encodeMs(view.createdMs),
    ...encodeLabels(view.labels),
  }
}
