// The part of ashlar.v1.SnapshotService that is about fast-restore clones.

import { invalidArgument } from '../base/error.js'
import { parseRequestId, quote } from '../base/ids.js'
import { parseName } from '../base/names.js'
import { parseReference } from '../base/reference.js'
import type { CloneView } from '../engine/region/objects/views.js'
import type { Region } from '../engine/region/region.js'
import type { SnapshotClone } from '../gen/ashlar/v1/SnapshotClone.js'
import type { SnapshotServiceHandlers } from '../gen/ashlar/v1/SnapshotService.js'
import { encodeMs, encodeProgress, encodeReasons } from './encode.js'
import type { Handlers } from './unary.js'

export function cloneHandlers({ clones }: Region, handlers: Handlers) {
  return {
    CreateSnapshotClone: handlers.unary(async (request) =>
      encodeClone(await clones.create(parseChange(request))),
    ),
    GetSnapshotClone: handlers.unary(async (request) =>
      encodeClone(await clones.get(parseClone(request))),
    ),
    ListSnapshotClones: handlers.unary(async ({ snapshot }) => ({
      clones: (await clones.list(parseReference(snapshot, 'snapshot', 'snapshot'))).map(
        encodeClone,
      ),
    })),
    DeleteSnapshotClone: handlers.unary(async (request) => {
      await clones.delete(parseChange(request))
      return {}
    }),
  } satisfies Partial<SnapshotServiceHandlers>
}

/** Throws INVALID_ARGUMENT when a zone is named twice. */
export function parseZones(zones: readonly string[]): readonly string[] {
  const seen = new Set<string>()
  for (const zone of zones) {
    parseName(zone, 'clone_zones')
    if (seen.has(zone)) throw invalidArgument('clone_zones', `zone ${quote(zone)} is named twice`)
    seen.add(zone)
  }
  return [...zones]
}

export function encodeClone(view: CloneView): SnapshotClone {
  return {
    zone: view.zone,
    available: view.available,
    createdAt: encodeMs(view.createdMs),
    progress: encodeProgress(view.progress),
    reasons: encodeReasons(view.reasons),
  }
}

interface CloneFields {
  readonly snapshot: string
  readonly zone: string
}

function parseClone({ snapshot, zone }: CloneFields) {
  return {
    snapshot: parseReference(snapshot, 'snapshot', 'snapshot'),
    zone: parseName(zone, 'zone'),
  }
}

function parseChange({ requestId, ...fields }: CloneFields & { readonly requestId: string }) {
  return { ...parseClone(fields), requestId: parseRequestId(requestId) }
}
