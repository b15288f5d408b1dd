// Reasons that a caller gets from a node in trouble, or for what happens while a node is asked, by a
// region's engine with a node that says so.

import { AshlarError } from '../../../src/base/error.js'
import type { Id } from '../../../src/base/ids.js'
import type { ErrorCode } from '../../../src/gen/errors.js'
import type { PoolOrder } from '../../../src/native/binding.js'
import { type RegionWorld, snapshotSpec, volumeSpec } from '../region-world.js'

export type RefusedByNode = (world: RegionWorld) => Promise<unknown>

const volume = { kind: 'name', name: 'v' } as const

const saying =
  (kind: PoolOrder['kind'], code: ErrorCode, call: RefusedByNode): RefusedByNode =>
  async (world) => {
    await world.region.volumes.create(volumeSpec({ name: 'v' }))
    world.zones.a.before = (order) => {
      if (order.kind === kind) throw new AshlarError(code, 'the node says so')
    }
    return await call(world)
  }

const create: RefusedByNode = ({ region }) => region.volumes.create(volumeSpec())
const grow: RefusedByNode = ({ region }) =>
  region.volumes.update({ volume, capacityBytes: 128n << 20n, etag: '', requestId: '' })
const attach: RefusedByNode = ({ region }) =>
  region.attachments.create({ volume, host: 'h', readOnly: false, wantTcp: false, requestId: '' })
const cut: RefusedByNode = ({ region }) =>
  region.snapshots.create(snapshotSpec({ sourceVolume: volume }))

/** Deletes what is being made while the node is asked for it. */
const deleting =
  (kind: 'createVolume' | 'attach', call: RefusedByNode): RefusedByNode =>
  async (world) => {
    await world.region.volumes.create(volumeSpec({ name: 'v' }))
    const { volumes, attachments } = world.region
    world.zones.a.before = async (order) => {
      if (order.kind === 'createVolume') {
        const target = { kind: 'id', id: order.volumeId as Id } as const
        void volumes.delete({ target, etag: '', requestId: '' })
      } else if (order.kind === 'attach') {
        void attachments.delete({ attachment: order.attachmentId as Id, requestId: '' })
      }
      if (order.kind === kind) await world.until(async () => await isUnsettled(world))
    }
    return await call(world)
  }

async function isUnsettled({ catalog }: RegionWorld): Promise<true | undefined> {
  const { volumes, attachments } = catalog.read
  const rows = [...(await volumes.unsettled()), ...(await attachments.unsettled())]
  return rows.some(({ state }) => state === 'deleting' || state === 'detaching') || undefined
}

/** By method, then by reason, as proto/ spells it. */
export const nodeRefusals: Readonly<Record<string, Readonly<Record<string, RefusedByNode>>>> = {
  CreateVolume: {
    volume_not_found: deleting('createVolume', create),
    pool_full: saying('createVolume', 'NO_SPACE', create),
    pool_read_only: saying('createVolume', 'POOL_READ_ONLY', create),
  },
  UpdateVolume: {
    pool_full: saying('growVolume', 'NO_SPACE', grow),
    pool_read_only: saying('growVolume', 'POOL_READ_ONLY', grow),
  },
  CreateAttachment: {
    attachment_not_found: deleting('attach', attach),
    pool_full: saying('attach', 'NO_SPACE', attach),
    pool_read_only: saying('attach', 'POOL_READ_ONLY', attach),
  },
  GrowPool: {
    pool_read_only: async (world) => {
      await world.region.volumes.create(volumeSpec({ name: 'v' }))
      world.zones.a.poolSetting = () => {
        throw new AshlarError('POOL_READ_ONLY', 'the node says so')
      }
      return await world.region.operator.growPool('node-a', AbortSignal.timeout(60_000))
    },
  },
  CreateSnapshot: {
    pool_full: saying('cut', 'NO_SPACE', cut),
    pool_read_only: saying('cut', 'POOL_READ_ONLY', cut),
    over_quota: saying('cut', 'QUOTA_EXCEEDED', cut),
  },
}
