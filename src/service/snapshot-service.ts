// ashlar.v1.SnapshotService.

import { type Crn, parseCrn } from '../base/crn.js'
import { invalidArgument } from '../base/error.js'
import { type Id, parseRequestId, quote } from '../base/ids.js'
import { parseName } from '../base/names.js'
import { parseReference } from '../base/reference.js'
import { parseResourceGroup } from '../base/resource-group.js'
import { parseTags } from '../base/tags.js'
import type { SnapshotState } from '../catalog/rows.js'
import type { SnapshotFilter } from '../catalog/snapshots.js'
import type { UpdateSnapshot } from '../engine/region/core/specs.js'
import type { SnapshotView } from '../engine/region/objects/views.js'
import type { Region } from '../engine/region/region.js'
import type { LifecycleState } from '../gen/ashlar/v1/LifecycleState.js'
import type { ListSnapshotsRequest__Output } from '../gen/ashlar/v1/ListSnapshotsRequest.js'
import type { Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { SnapshotServiceHandlers } from '../gen/ashlar/v1/SnapshotService.js'
import type { UpdateSnapshotRequest__Output } from '../gen/ashlar/v1/UpdateSnapshotRequest.js'
import {
  encodeLabels,
  encodeMs,
  encodeNs,
  encodeProgress,
  encodeReasons,
  encodeReference,
} from './encode.js'
import { encodePage, parsePage } from './paging.js'
import { cloneHandlers, encodeClone, parseZones } from './snapshot-clones.js'
import { parseFilterText, parseMask, parseOptionalName } from './parse.js'
import type { Handlers } from './unary.js'

export function snapshotHandlers(region: Region, handlers: Handlers) {
  const { snapshots } = region
  return {
    CreateSnapshot: handlers.unary(async (request) => {
      const { sourceVolume, sourceSnapshotCrn } = request
      const common = {
        cloneZones: parseZones(request.cloneZones),
        name: parseOptionalName(request.name),
        userTags: parseTags(request.userTags),
        resourceGroup: parseResourceGroup(request.resourceGroup),
        requestId: parseRequestId(request.requestId),
      }
      if (sourceSnapshotCrn === '') {
        const volume = parseReference(sourceVolume, 'volume', 'source_volume')
        return encodeSnapshot(await snapshots.create({ ...common, sourceVolume: volume }))
      }
      if (sourceVolume !== '') {
        throw invalidArgument(
          'source_snapshot_crn',
          'either a source_volume or a source_snapshot_crn is given, not both',
        )
      }
      const source = parseSourceCrn(sourceSnapshotCrn, region)
      return encodeSnapshot(await snapshots.copy({ ...common, source }))
    }),
    GetSnapshot: handlers.unary(async ({ snapshot }) =>
      encodeSnapshot(await snapshots.get(parseReference(snapshot, 'snapshot', 'snapshot'))),
    ),
    ListSnapshots: handlers.unary(async (request) => {
      const filter = await parseFilter(region, request)
      if (filter === undefined) return { snapshots: [], nextPageToken: '', totalCount: 0 }
      const page = await snapshots.list(filter, parsePage(request, filter))
      const { items, ...rest } = encodePage(page, filter, encodeSnapshot)
      return { snapshots: items, ...rest }
    }),
    UpdateSnapshot: handlers.unary(async (request) =>
      encodeSnapshot(await snapshots.update(parseUpdate(request))),
    ),
    ...cloneHandlers(region, handlers),
    DeleteSnapshot: handlers.unary(async ({ snapshot, etag, requestId }) => {
      const left = await snapshots.delete({
        target: parseReference(snapshot, 'snapshot', 'snapshot'),
        etag,
        requestId: parseRequestId(requestId),
      })
      return left === undefined ? {} : { snapshot: encodeSnapshot(left) }
    }),
  } satisfies SnapshotServiceHandlers
}

function parseUpdate(request: UpdateSnapshotRequest__Output): UpdateSnapshot {
  const { name, userTags, etag } = request
  const mask = parseMask(request.updateMask, ['name', 'user_tags'])
  return {
    snapshot: parseReference(request.snapshot, 'snapshot', 'snapshot'),
    ...(mask.has('name') ? { name: parseName(name) } : {}),
    ...(mask.has('user_tags') ? { userTags: parseTags(userTags) } : {}),
    etag,
    requestId: parseRequestId(request.requestId),
  }
}

/** Undefined when nothing can fit it. */
async function parseFilter(
  region: Region,
  request: ListSnapshotsRequest__Output,
): Promise<SnapshotFilter | undefined> {
  const name = parseFilterText(request.name, 'name')
  const userTag = parseFilterText(request.userTag, 'user_tag')
  const resourceGroup = parseFilterText(request.resourceGroup, 'resource_group')
  const states = parseStates(request.lifecycleState)
  const cloneZone = parseFilterText(request.cloneZone, 'clone_zone')
  const copyRegion = parseFilterText(request.copyRegion, 'copy_region')
  const sourceSnapshotId = parseSourceSnapshot(request.sourceSnapshot)
  const { sourceVolume } = request
  const sourceVolumeId =
    sourceVolume === ''
      ? undefined
      : await region.volumeIdOf(parseReference(sourceVolume, 'volume', 'source_volume'))
  if (sourceVolume !== '' && sourceVolumeId === undefined) return undefined
  return {
    ...(name === undefined ? {} : { name }),
    ...(userTag === undefined ? {} : { userTag }),
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
    ...(states === undefined ? {} : { states }),
    ...(cloneZone === undefined ? {} : { cloneZone }),
    ...(copyRegion === undefined ? {} : { copyRegion }),
    ...(sourceSnapshotId === undefined ? {} : { sourceSnapshotId }),
    ...(sourceVolumeId === undefined ? {} : { sourceVolumeId }),
  }
}

/** Throws INVALID_ARGUMENT unless it is of a snapshot of another region that is configured. */
function parseSourceCrn(text: string, region: Region): Crn {
  const field = 'source_snapshot_crn'
  const crn = parseCrn(text, field)
  const { location, type } = crn
  if (type !== 'snapshot') throw invalidArgument(field, `${quote(text)} names a ${type}`)
  if (location === region.context.region.name) {
    throw invalidArgument(field, `${quote(text)} is of this region; a copy is of another one`)
  }
  if (region.hasPeer(location)) return crn
  throw invalidArgument(
    field,
    `${quote(text)} is of region ${location}, which is not among the peers of this one`,
  )
}

// Of another region, so that no name is known.
function parseSourceSnapshot(text: string): Id | undefined {
  if (text === '') return undefined
  const reference = parseReference(text, 'snapshot', 'source_snapshot')
  if (reference.kind === 'id') return reference.id
  if (reference.kind === 'crn') return reference.crn.id
  throw invalidArgument('source_snapshot', `${quote(text)} is neither an id nor a CRN`)
}

function parseStates(
  state: ListSnapshotsRequest__Output['lifecycleState'],
): readonly SnapshotState[] | undefined {
  switch (state) {
    case 'LIFECYCLE_STATE_UNSPECIFIED':
      return undefined
    case 'LIFECYCLE_STATE_PENDING':
      return ['cutting', 'captured', 'committing']
    case 'LIFECYCLE_STATE_WAITING':
      return ['waiting']
    case 'LIFECYCLE_STATE_STABLE':
      return ['stable']
    case 'LIFECYCLE_STATE_FAILED':
      return ['failed']
    case 'LIFECYCLE_STATE_DELETING':
      return ['deleting']
    case 'LIFECYCLE_STATE_SUSPENDED':
    case 'LIFECYCLE_STATE_UNUSABLE':
    case 'LIFECYCLE_STATE_UPDATING':
      return []
    default:
      throw invalidArgument('lifecycle_state', `${String(state)} is not a lifecycle_state`)
  }
}

const states = {
  waiting: 'LIFECYCLE_STATE_WAITING',
  pending: 'LIFECYCLE_STATE_PENDING',
  stable: 'LIFECYCLE_STATE_STABLE',
  failed: 'LIFECYCLE_STATE_FAILED',
  deleting: 'LIFECYCLE_STATE_DELETING',
} as const satisfies Record<SnapshotView['state'], LifecycleState>

function encodeSnapshot(view: SnapshotView): Snapshot {
  return {
    id: view.id,
    crn: view.crn,
    name: view.name,
    etag: view.etag,
    lifecycleState: states[view.state],
    lifecycleReasons: encodeReasons(view.reasons),
    progress: encodeProgress(view.progress),
    createdAt: encodeMs(view.createdMs),
    capturedAt: view.capturedNs === undefined ? null : encodeNs(view.capturedNs),
    minimumCapacityBytes: String(view.minimumCapacityBytes),
    storedBytes: String(view.storedBytes),
    logicalBytes: String(view.logicalBytes),
    transferredBytes: String(view.transferredBytes),
    deletable: true,
    serviceTags: [],
    encryption: 'ENCRYPTION_TYPE_PROVIDER_MANAGED',
    sourceVolume: view.sourceVolume === undefined ? null : encodeReference(view.sourceVolume),
    root: view.rootHex,
    bootable: view.labels.operatingSystem !== undefined,
    ...encodeLabels(view.labels),
    clones: view.clones.map(encodeClone),
    copies: view.copies.map(({ snapshot, createdMs }) => ({
      snapshot: encodeReference(snapshot),
      createdAt: encodeMs(createdMs),
    })),
    sourceSnapshot: view.sourceSnapshot === undefined ? null : encodeReference(view.sourceSnapshot),
  }
}
