// ashlar.v1.SnapshotService.

import { AshlarError, invalidArgument } from '../base/error.js'
import { parseRequestId } from '../base/ids.js'
import { parseName } from '../base/names.js'
import { parseReference } from '../base/reference.js'
import { parseResourceGroup } from '../base/resource-group.js'
import { parseTags } from '../base/tags.js'
import type { SnapshotState } from '../catalog/rows.js'
import type { SnapshotFilter } from '../catalog/snapshots.js'
import type { Region } from '../engine/region/region.js'
import type { UpdateSnapshot } from '../engine/region/specs.js'
import type { SnapshotView } from '../engine/region/views.js'
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
import { parseFilterText, parseMask, parseOptionalName } from './parse.js'
import type { Handlers } from './unary.js'

export function snapshotHandlers(region: Region, handlers: Handlers) {
  const { snapshots } = region
  return {
    CreateSnapshot: handlers.unary(async (request) => {
      const spec = {
        sourceVolume: parseReference(request.sourceVolume, 'volume', 'source_volume'),
        name: parseOptionalName(request.name),
        userTags: parseTags(request.userTags),
        resourceGroup: parseResourceGroup(request.resourceGroup),
        requestId: parseRequestId(request.requestId),
      }
      return encodeSnapshot(await snapshots.create(spec))
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
    CreateSnapshotClone: handlers.unary(noClones),
    GetSnapshotClone: handlers.unary(noClones),
    ListSnapshotClones: handlers.unary(noClones),
    DeleteSnapshotClone: handlers.unary(noClones),
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

async function noClones(): Promise<never> {
  throw new AshlarError('NOT_SUPPORTED', 'there are no clones yet')
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
    ...(sourceVolumeId === undefined ? {} : { sourceVolumeId }),
  }
}

function parseStates(
  state: ListSnapshotsRequest__Output['lifecycleState'],
): readonly SnapshotState[] | undefined {
  switch (state) {
    case 'LIFECYCLE_STATE_UNSPECIFIED':
      return undefined
    case 'LIFECYCLE_STATE_PENDING':
      return ['cutting', 'captured', 'committing']
    case 'LIFECYCLE_STATE_STABLE':
      return ['stable']
    case 'LIFECYCLE_STATE_FAILED':
      return ['failed']
    case 'LIFECYCLE_STATE_DELETING':
      return ['deleting']
    case 'LIFECYCLE_STATE_SUSPENDED':
    case 'LIFECYCLE_STATE_UNUSABLE':
    case 'LIFECYCLE_STATE_UPDATING':
    case 'LIFECYCLE_STATE_WAITING':
      return []
    default:
      throw invalidArgument('lifecycle_state', `${String(state)} is not a lifecycle_state`)
  }
}

const states = {
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
    sourceVolume: encodeReference(view.sourceVolume),
    root: view.rootHex,
    bootable: view.labels.operatingSystem !== undefined,
    ...encodeLabels(view.labels),
    clones: [],
    copies: [],
    sourceSnapshot: null,
  }
}
