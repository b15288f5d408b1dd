// ashlar.replication.v1.CopyService: other regions make copies of snapshots of this one.

import { parseCrn } from '../base/crn.js'
import { invalidArgument } from '../base/error.js'
import { parseId } from '../base/ids.js'
import { parseName } from '../base/names.js'
import type { OpenCopy } from '../engine/copy-control.js'
import type { Region } from '../engine/region/region.js'
import type { CopyServiceHandlers } from '../gen/ashlar/replication/v1/CopyService.js'
import type { OpenCopyRequest__Output } from '../gen/ashlar/replication/v1/OpenCopyRequest.js'
import { requireCaller } from '../replication/caller.js'
import type { Handlers } from './unary.js'

export function copyHandlers({ copies }: Region, handlers: Handlers) {
  return {
    OpenCopy: handlers.unary(async (request, { caller }) => {
      requireCaller(caller, request.region, 'region')
      return { ...(await copies.open(parseOpen(request))) }
    }),
    CommitCopy: handlers.unary(async ({ copyId, region, copyName }, { caller }) => {
      requireCaller(caller, region, 'region')
      await copies.commit({
        ...parseOwner(copyId, region),
        copyName: parseName(copyName, 'copy_name'),
      })
      return {}
    }),
    ReleaseCopy: handlers.unary(async ({ copyId, region }, { caller }) => {
      requireCaller(caller, region, 'region')
      await copies.release(parseOwner(copyId, region))
      return {}
    }),
  } satisfies CopyServiceHandlers
}

// What the source shows in copies[] is what the other region says; at least it fits together.
function parseOpen(request: OpenCopyRequest__Output): OpenCopy {
  const { snapshotCrn, copyCrn } = request
  const owner = parseOwner(request.copyId, request.region)
  const { location, type, id } = parseCrn(copyCrn, 'copy_crn')
  if (location !== owner.region || type !== 'snapshot' || id !== owner.copyId) {
    throw invalidArgument('copy_crn', `${copyCrn} is not of ${owner.copyId} in ${owner.region}`)
  }
  const copyName = parseName(request.copyName, 'copy_name')
  return { ...owner, snapshotCrn, copyCrn, copyName }
}

function parseOwner(copyId: string, region: string) {
  return { copyId: parseId(copyId, 'copy_id'), region: parseName(region, 'region') }
}
