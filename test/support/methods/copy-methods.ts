// Uses and refusals of what a region asks of another one about a copy. The caller here stands for region
// `local`, whose own daemon knows nothing of these copies.

import { expect } from 'vitest'

import { unaryCalls } from '../../../src/client/calls.js'
import { makeId } from '../../../src/base/ids.js'
import type { CopyServiceDefinition } from '../../../src/gen/ashlar/replication/v1/CopyService.js'
import { copyService } from '../../../src/gen/proto.js'
import { unknownId } from '../api.js'
import type { Refusals } from './refusals.js'
import type { Regions } from './regions.js'
import type { Use } from './trial.js'

const region = 'local'
const copyName = 'copied'

/** To the region that has what is copied. */
function copies(at: Regions, source: 'remote' | 'stuck' = 'remote') {
  return unaryCalls<CopyServiceDefinition>(at.peers[source], copyService)
}

function opening(at: Regions, snapshotCrn = at.source.crn) {
  const copyId = makeId(1)
  const copyCrn = `crn:v1:ashlar:public:is:local:a/local::snapshot:${copyId}`
  return { copyId, snapshotCrn, region, copyCrn, copyName }
}

/** Copies that the source shows and pins. */
async function stateOf(at: Regions, copyId: string) {
  const { copies: shown } = await at.remoteClient.snapshots.getSnapshot({ snapshot: at.source.id })
  const { pins } = await at.remoteClient.operator.getStoreStats({})
  const names = shown.filter(({ snapshot }) => snapshot?.id === copyId)
  return { shown: names.map(({ snapshot }) => snapshot?.name), pins }
}

/** An open copy, what there was before it, and what the source answered. */
export async function opened(at: Regions) {
  const request = opening(at)
  const before = await stateOf(at, request.copyId)
  const { pinId, manifest } = await copies(at).openCopy(request)
  return { copyId: request.copyId, before, pinId, manifest }
}

export const copyUses: readonly Use<Regions>[] = [
  {
    name: 'OpenCopy',
    begin: async (at) => {
      const request = opening(at)
      const { pins } = await stateOf(at, request.copyId)
      return {
        call: async () => await copies(at).openCopy(request),
        check: async () =>
          expect(await stateOf(at, request.copyId)).toEqual({ shown: [], pins: pins + 1 }),
        leaves: {},
      }
    },
  },
  {
    name: 'CommitCopy',
    begin: async (at) => {
      const { copyId, before } = await opened(at)
      return {
        call: async () => await copies(at).commitCopy({ copyId, region, copyName: 'renamed' }),
        check: async () =>
          expect(await stateOf(at, copyId)).toEqual({ shown: ['renamed'], pins: before.pins }),
        leaves: {},
      }
    },
  },
  {
    name: 'ReleaseCopy',
    begin: async (at) => {
      const { copyId, before } = await opened(at)
      return {
        call: async () => await copies(at).releaseCopy({ copyId, region }),
        check: async () => expect(await stateOf(at, copyId)).toEqual(before),
        leaves: {},
      }
    },
  },
]

const nobody = 'nobody'
export const copyRefusals: Refusals = {
  OpenCopy: {
    invalid_argument: (at) => copies(at).openCopy({ ...opening(at), copyCrn: at.source.crn }),
    snapshot_not_found: (at) =>
      copies(at).openCopy(opening(at, at.source.crn.replace(at.source.id, unknownId))),
    snapshot_pending: (at) => copies(at, 'stuck').openCopy(opening(at, at.pending.crn)),
    snapshot_failed: (at) => copies(at, 'stuck').openCopy(opening(at, at.failed.crn)),
    failed_precondition: async (at) => {
      const request = opening(at)
      await copies(at).openCopy(request)
      await copies(at).commitCopy({ copyId: request.copyId, region, copyName })
      return await copies(at).openCopy(request)
    },
    permission_denied: (at) => {
      const request = opening(at)
      const copyCrn = request.copyCrn.replace(':local:', `:${nobody}:`)
      return copies(at).openCopy({ ...request, region: nobody, copyCrn })
    },
  },
  CommitCopy: {
    invalid_argument: (at) =>
      copies(at).commitCopy({ copyId: unknownId, region, copyName: 'No Name' }),
    permission_denied: (at) =>
      copies(at).commitCopy({ copyId: unknownId, region: nobody, copyName }),
  },
  ReleaseCopy: {
    invalid_argument: (at) => copies(at).releaseCopy({ copyId: 'x', region }),
    permission_denied: (at) => copies(at).releaseCopy({ copyId: unknownId, region: nobody }),
  },
}
