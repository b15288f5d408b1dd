// Uses and refusals of what a region orders from a node: by a node whose region is not there, so that
// nothing but these orders changes it.

import { expect } from 'vitest'

import { makeId } from '../../../src/base/ids.js'
import { MiB, type ZoneApi } from '../api.js'
import type { World } from '../world.js'
import type { Refusals } from './refusals.js'
import type { Trial, Use } from './trial.js'

export interface ZoneGround {
  readonly world: World
  readonly zone: ZoneApi
}

const newId = () => makeId(1)
const bytes = String(4n * MiB)
const graceMilliseconds = 1000

/** Of an image of this size that nobody has. DESIGN 6 has the layout. */
function manifestOf(volumeBytes: bigint): Buffer {
  const manifest = Buffer.alloc(80)
  manifest.write('ASHLMAN1', 0, 'latin1')
  manifest.writeUInt32LE(1, 8)
  manifest.writeUInt32LE(65_536, 12)
  manifest.writeUInt32LE(64, 16)
  manifest.writeBigUInt64LE(volumeBytes, 24)
  manifest.fill(0x77, 48)
  return manifest
}
const originOf = (snapshotId: string, volumeBytes = 4n * MiB) => ({
  snapshotId,
  manifest: manifestOf(volumeBytes),
  pinId: newId(),
})

export async function newVolume({ zone }: ZoneGround): Promise<string> {
  const volumeId = newId()
  await zone.calls.createVolume({ volumeId, bytes })
  return volumeId
}
/** By default of a new volume. */
export async function newCut(at: ZoneGround, ofVolume?: string) {
  const member = { volumeId: ofVolume ?? (await newVolume(at)), snapshotId: newId() }
  await at.zone.calls.createCut({ groupId: newId(), members: [member] })
  return member
}

// Revisions differ, and the rest is the same.
const again: Trial['again'] = (first, second) => {
  const cutsOf = (answer: unknown) => (answer as { readonly cuts?: unknown }).cuts
  expect(cutsOf(second)).toEqual(cutsOf(first))
}
const ordering = (
  call: Trial['call'],
  check: (records: Awaited<ReturnType<ZoneApi['records']>>) => unknown,
  { zone }: ZoneGround,
): Trial => ({
  call,
  again,
  check: async () => {
    await check(await zone.records())
  },
  leaves: {},
})

export const zoneUses: readonly Use<ZoneGround>[] = [
  {
    name: 'CreateVolume',
    begin: async (at) => {
      const volumeId = newId()
      const expected = expect.objectContaining({ volumeId, bytes, hydrated: true })
      const call = () => at.zone.calls.createVolume({ volumeId, bytes })
      return ordering(call, ({ volumes }) => expect(volumes).toContainEqual(expected), at)
    },
  },
  {
    name: 'CreateVolume from a cut',
    begin: async (at) => {
      const { snapshotId: cutSnapshotId } = await newCut(at)
      const volumeId = newId()
      const expected = expect.objectContaining({ volumeId, bytes, hydrated: true })
      const call = () => at.zone.calls.createVolume({ volumeId, bytes, cutSnapshotId })
      return ordering(call, ({ volumes }) => expect(volumes).toContainEqual(expected), at)
    },
  },
  {
    name: 'CreateVolume from an origin',
    begin: async (at) => {
      const volumeId = newId()
      const origin = originOf(newId())
      const { snapshotId, pinId } = origin
      const call = () => at.zone.calls.createVolume({ volumeId, bytes, origin })
      const check: Parameters<typeof ordering>[1] = ({ volumes, origins }) => {
        const expected = { volumeId, hydrated: false, originSnapshotId: snapshotId }
        expect(volumes).toContainEqual(expect.objectContaining(expected))
        expect(origins).toContainEqual({ snapshotId, pinId, manifest: origin.manifest })
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'GrowVolume',
    begin: async (at) => {
      const volumeId = await newVolume(at)
      const grown = String(8n * MiB)
      const expected = expect.objectContaining({ volumeId, bytes: grown })
      const call = () => at.zone.calls.growVolume({ volumeId, bytes: grown })
      return ordering(call, ({ volumes }) => expect(volumes).toContainEqual(expected), at)
    },
  },
  {
    name: 'DeleteVolume',
    begin: async (at) => {
      const volumeId = await newVolume(at)
      const call = () => at.zone.calls.deleteVolume({ volumeId })
      const check: Parameters<typeof ordering>[1] = ({ volumes, tombstones }) => {
        expect(volumes.map((volume) => volume.volumeId)).not.toContain(volumeId)
        expect(tombstones).toContainEqual({ id: volumeId, kind: 'TOMBSTONE_KIND_VOLUME' })
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'CreateAttachment',
    begin: async (at) => {
      const order = { attachmentId: newId(), volumeId: await newVolume(at), host: 'h' }
      const expected = expect.objectContaining({ ...order, readOnly: false, detaching: false })
      const call = () => at.zone.calls.createAttachment(order)
      return ordering(call, ({ attachments }) => expect(attachments).toContainEqual(expected), at)
    },
  },
  {
    name: 'DeleteAttachment',
    begin: async (at) => {
      const attachmentId = newId()
      const volumeId = await newVolume(at)
      await at.zone.calls.createAttachment({ attachmentId, volumeId, host: 'h' })
      const call = () => at.zone.calls.deleteAttachment({ attachmentId, graceMilliseconds })
      const check: Parameters<typeof ordering>[1] = ({ attachments, tombstones }) => {
        expect(attachments.map((attachment) => attachment.attachmentId)).not.toContain(attachmentId)
        expect(tombstones).toContainEqual({ id: attachmentId, kind: 'TOMBSTONE_KIND_ATTACHMENT' })
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'CreateCut',
    begin: async (at) => {
      const volumeIds = [await newVolume(at), await newVolume(at)]
      const members = volumeIds.map((volumeId) => ({ volumeId, snapshotId: newId() }))
      const groupId = newId()
      const call = () => at.zone.calls.createCut({ groupId, members })
      const check: Parameters<typeof ordering>[1] = ({ cuts }) => {
        const found = members.map((member) =>
          cuts.filter(({ snapshotId }) => snapshotId === member.snapshotId),
        )
        expect(found).toMatchObject(members.map((member) => [{ ...member, epoch: '1', bytes }]))
        expect(new Set(found.flat().map((cut) => cut.capturedNanoseconds)).size).toBe(1)
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'SealedCut',
    begin: async (at) => {
      const { snapshotId } = await newCut(at)
      const rootHex = 'ab'.repeat(32)
      const expected = expect.objectContaining({ snapshotId, sealed: true, rootHex })
      const call = () => at.zone.calls.sealedCut({ snapshotId, rootHex })
      return ordering(call, ({ cuts }) => expect(cuts).toContainEqual(expected), at)
    },
  },
  {
    name: 'AuditCut',
    begin: async (at) => {
      const { snapshotId } = await newCut(at)
      let rootHex = ''
      return {
        call: async () => ({ rootHex } = await at.zone.calls.auditCut({ snapshotId })),
        check: async () => expect(rootHex).toMatch(/^[0-9a-f]{64}$/),
        leaves: {},
      }
    },
  },
  {
    name: 'DropCut',
    begin: async (at) => {
      const { snapshotId } = await newCut(at)
      const call = () => at.zone.calls.dropCut({ snapshotId })
      const check: Parameters<typeof ordering>[1] = ({ cuts, tombstones }) => {
        const left = cuts.filter(({ hidden }) => !hidden).map((cut) => cut.snapshotId)
        expect(left).not.toContain(snapshotId)
        expect(tombstones).toContainEqual({ id: snapshotId, kind: 'TOMBSTONE_KIND_CUT' })
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'CreateClone',
    begin: async (at) => {
      const { snapshotId } = await newCut(at)
      const order = { cloneId: newId(), snapshotId, origin: originOf(snapshotId) }
      const expected = { cloneId: order.cloneId, snapshotId, available: true }
      const call = () => at.zone.calls.createClone(order)
      return ordering(call, ({ clones }) => expect(clones).toContainEqual(expected), at)
    },
  },
  {
    name: 'DeleteClone',
    begin: async (at) => {
      const { snapshotId } = await newCut(at)
      const cloneId = newId()
      await at.zone.calls.createClone({ cloneId, snapshotId, origin: originOf(snapshotId) })
      const call = () => at.zone.calls.deleteClone({ cloneId })
      const check: Parameters<typeof ordering>[1] = ({ clones, tombstones }) => {
        expect(clones.map((clone) => clone.cloneId)).not.toContain(cloneId)
        expect(tombstones).toContainEqual({ id: cloneId, kind: 'TOMBSTONE_KIND_CLONE' })
      }
      return ordering(call, check, at)
    },
  },
  {
    name: 'ForgetTombstone',
    begin: async (at) => {
      const id = await newVolume(at)
      await at.zone.calls.deleteVolume({ volumeId: id })
      const call = () => at.zone.calls.forgetTombstone({ id })
      const check: Parameters<typeof ordering>[1] = ({ tombstones }) =>
        expect(tombstones.map((tombstone) => tombstone.id)).not.toContain(id)
      return ordering(call, check, at)
    },
  },
  {
    name: 'Watch',
    begin: async (at) => {
      const volumeId = await newVolume(at)
      let volumes: readonly { readonly volumeId: string }[] = []
      return {
        call: async () => ({ volumes } = await at.zone.records()),
        check: async () => expect(volumes.map((volume) => volume.volumeId)).toContain(volumeId),
        again: () => undefined,
        leaves: {},
      }
    },
  },
  {
    name: 'GetNodeStats',
    begin: async (at) => {
      let stats: Awaited<ReturnType<typeof at.zone.calls.getNodeStats>>
      return {
        call: async () => (stats = await at.zone.calls.getNodeStats({})),
        check: async () => {
          expect(stats).toMatchObject({ capacityBytes: String(64n * MiB), readOnly: false })
        },
        again: () => undefined,
        leaves: {},
      }
    },
  },
  {
    name: 'GrowPool',
    begin: async (at) => {
      const capacityBytes = String(await raisePool(at, 16n * MiB))
      const call = () => at.zone.calls.growPool({})
      const check: Parameters<typeof ordering>[1] = ({ node }) =>
        expect(node).toMatchObject({ capacityBytes })
      return {
        ...ordering(call, check, at),
        again: (_first, second) =>
          expect(second).toEqual({ capacityBytes, capacityBeforeBytes: capacityBytes }),
      }
    },
  },
]

/** Of a pool as its configuration says from now on, so much more than it has. */
async function raisePool({ world, zone }: ZoneGround, bytes: bigint): Promise<bigint> {
  const { capacityBytes } = await zone.calls.getNodeStats({})
  const raised = BigInt(capacityBytes) + bytes
  world.setPoolCapacity('z-1', String(raised))
  return raised
}

export const zoneRefusals: Refusals<ZoneGround> = {
  CreateVolume: {
    invalid_argument: ({ zone }) => zone.calls.createVolume({ volumeId: newId(), bytes: '1' }),
    id_reused: async (at) =>
      await at.zone.calls.createVolume({
        volumeId: await newVolume(at),
        bytes: String(8n * MiB),
      }),
    volume_capacity_below_minimum: async (at) => {
      const { snapshotId: cutSnapshotId } = await newCut(at)
      const order = { volumeId: newId(), bytes: String(MiB), cutSnapshotId }
      return await at.zone.calls.createVolume(order)
    },
    snapshot_not_found: ({ zone }) =>
      zone.calls.createVolume({ volumeId: newId(), bytes, cutSnapshotId: newId() }),
    deleted_before: async ({ zone }) => {
      const volumeId = newId()
      await zone.calls.deleteVolume({ volumeId })
      return await zone.calls.createVolume({ volumeId, bytes })
    },
  },
  GrowVolume: {
    invalid_argument: async (at) =>
      await at.zone.calls.growVolume({ volumeId: await newVolume(at), bytes: '4097' }),
    volume_capacity_shrink: async (at) =>
      await at.zone.calls.growVolume({ volumeId: await newVolume(at), bytes: String(MiB) }),
    volume_not_found: ({ zone }) => zone.calls.growVolume({ volumeId: newId(), bytes }),
  },
  DeleteVolume: {
    invalid_argument: ({ zone }) => zone.calls.deleteVolume({ volumeId: 'x' }),
    volume_in_use: async (at) => {
      const volumeId = await newVolume(at)
      await at.zone.calls.createAttachment({ attachmentId: newId(), volumeId, host: 'h' })
      return await at.zone.calls.deleteVolume({ volumeId })
    },
  },
  CreateAttachment: {
    invalid_argument: async (at) => {
      const volumeId = await newVolume(at)
      return await at.zone.calls.createAttachment({ attachmentId: newId(), volumeId, host: 'a b' })
    },
    id_reused: async (at) => {
      const order = { attachmentId: newId(), volumeId: await newVolume(at), host: 'h' }
      await at.zone.calls.createAttachment(order)
      return await at.zone.calls.createAttachment({ ...order, readOnly: true })
    },
    volume_not_found: ({ zone }) =>
      zone.calls.createAttachment({ attachmentId: newId(), volumeId: newId(), host: 'h' }),
    deleted_before: async (at) => {
      const attachmentId = newId()
      await at.zone.calls.deleteAttachment({ attachmentId, graceMilliseconds })
      const volumeId = await newVolume(at)
      return await at.zone.calls.createAttachment({ attachmentId, volumeId, host: 'h' })
    },
    volume_attached: async (at) => {
      const volumeId = await newVolume(at)
      await at.zone.calls.createAttachment({ attachmentId: newId(), volumeId, host: 'h' })
      return await at.zone.calls.createAttachment({ attachmentId: newId(), volumeId, host: 'i' })
    },
  },
  DeleteAttachment: {
    invalid_argument: ({ zone }) =>
      zone.calls.deleteAttachment({ attachmentId: newId(), graceMilliseconds: -1 }),
  },
  CreateCut: {
    invalid_argument: ({ zone }) => zone.calls.createCut({ groupId: newId(), members: [] }),
    id_reused: async (at) => {
      const { snapshotId } = await newCut(at)
      const members = [{ volumeId: await newVolume(at), snapshotId }]
      return await at.zone.calls.createCut({ groupId: newId(), members })
    },
    volume_not_found: ({ zone }) =>
      zone.calls.createCut({
        groupId: newId(),
        members: [{ volumeId: newId(), snapshotId: newId() }],
      }),
    deleted_before: async (at) => {
      const snapshotId = newId()
      await at.zone.calls.dropCut({ snapshotId })
      const members = [{ volumeId: await newVolume(at), snapshotId }]
      return await at.zone.calls.createCut({ groupId: newId(), members })
    },
  },
  SealedCut: {
    invalid_argument: ({ zone }) => zone.calls.sealedCut({ snapshotId: newId(), rootHex: 'AB' }),
    id_reused: async (at) => {
      const { snapshotId } = await newCut(at)
      await at.zone.calls.sealedCut({ snapshotId, rootHex: 'ab'.repeat(32) })
      return await at.zone.calls.sealedCut({ snapshotId, rootHex: 'cd'.repeat(32) })
    },
  },
  AuditCut: {
    invalid_argument: ({ zone }) => zone.calls.auditCut({ snapshotId: 'x' }),
    snapshot_not_found: ({ zone }) => zone.calls.auditCut({ snapshotId: newId() }),
  },
  DropCut: { invalid_argument: ({ zone }) => zone.calls.dropCut({ snapshotId: '' }) },
  CreateClone: {
    invalid_argument: ({ zone }) =>
      zone.calls.createClone({ cloneId: newId(), snapshotId: newId(), origin: originOf(newId()) }),
    id_reused: async (at) => {
      const { snapshotId } = await newCut(at)
      const order = { cloneId: newId(), snapshotId, origin: originOf(snapshotId) }
      await at.zone.calls.createClone(order)
      const other = newId()
      return await at.zone.calls.createClone({
        ...order,
        snapshotId: other,
        origin: originOf(other),
      })
    },
    deleted_before: async ({ zone }) => {
      const cloneId = newId()
      await zone.calls.deleteClone({ cloneId })
      const snapshotId = newId()
      return await zone.calls.createClone({ cloneId, snapshotId, origin: originOf(snapshotId) })
    },
  },
  DeleteClone: { invalid_argument: ({ zone }) => zone.calls.deleteClone({ cloneId: 'x' }) },
  ForgetTombstone: { invalid_argument: ({ zone }) => zone.calls.forgetTombstone({ id: 'x' }) },
  GrowPool: {
    failed_precondition: async (at) => {
      await raisePool(at, -4096n)
      try {
        return await at.zone.calls.growPool({})
      } finally {
        await raisePool(at, 0n)
      }
    },
  },
  Watch: { permission_denied: ({ zone }) => zone.records('another') },
}
