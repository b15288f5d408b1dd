// For every public method and every reason its comment in proto/ documents, a call that is refused with
// it. What only a node or a store in trouble says is in node-refusals.ts.

import {
  closeSync,
  copyFileSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { Client } from '../../../src/client/client.js'
import { MiB, Objects, newRequestId, unknownId } from '../api.js'
import { must } from '../tools.js'
import { World } from '../world.js'
import type { Regions } from './regions.js'

/** Prepares what it needs, and makes the call. */
export type Refused<At = Regions> = (at: At) => Promise<unknown>
/** By method, then by reason, as proto/ spells it. */
export type Refusals<At = Regions> = Readonly<Record<string, Readonly<Record<string, Refused<At>>>>>

const nowhere = 'nowhere'
const mask = (...paths: readonly string[]) => ({ updateMask: { paths: [...paths] } })
const bytes = String(4n * MiB)

/** Once with these arguments, and once more with others. */
async function twice<Request extends object>(
  call: (request: Request) => Promise<unknown>,
  [first, second]: readonly [NoInfer<Request>, NoInfer<Request>],
): Promise<unknown> {
  const requestId = newRequestId()
  await call({ ...first, requestId })
  return await call({ ...second, requestId })
}

const volumes: Refusals = {
  CreateVolume: {
    invalid_argument: ({ ground }) => ground.client.volumes.createVolume({ zone: 'local-1' }),
    volume_capacity_below_minimum: ({ ground }) =>
      ground.client.volumes.createVolume({
        zone: 'local-1',
        sourceSnapshot: 'base-cut',
        capacityBytes: String(MiB),
      }),
    id_reused: ({ ground }) => {
      const request = { zone: 'local-1', capacityBytes: bytes }
      return twice(ground.client.volumes.createVolume, [request, { ...request, name: 'x' }])
    },
    zone_not_found: ({ ground }) =>
      ground.client.volumes.createVolume({ zone: nowhere, capacityBytes: bytes }),
    snapshot_not_found: ({ ground }) =>
      ground.client.volumes.createVolume({ zone: 'local-1', sourceSnapshot: nowhere }),
    validation_unique_failed: ({ ground }) =>
      ground.client.volumes.createVolume({ name: 'base', zone: 'local-1', capacityBytes: bytes }),
    snapshot_pending: ({ stuckClient, pending }) =>
      stuckClient.volumes.createVolume({ zone: 'stuck-2', sourceSnapshot: pending.id }),
    snapshot_failed: ({ stuckClient, failed }) =>
      stuckClient.volumes.createVolume({ zone: 'stuck-1', sourceSnapshot: failed.id }),
    region_unavailable: async (at) =>
      await at.ground.client.volumes.createVolume({
        zone: await at.loseZone(),
        capacityBytes: bytes,
      }),
  },
  GetVolume: {
    invalid_argument: ({ ground }) => ground.client.volumes.getVolume({}),
    volume_not_found: ({ ground }) => ground.client.volumes.getVolume({ volume: nowhere }),
  },
  ListVolumes: {
    invalid_argument: ({ ground }) => ground.client.volumes.listVolumes({ pageSize: -1 }),
  },
  UpdateVolume: {
    invalid_argument: ({ ground }) => ground.client.volumes.updateVolume({ volume: 'base' }),
    volume_capacity_shrink: ({ ground }) =>
      ground.client.volumes.updateVolume({
        volume: 'base',
        ...mask('capacity_bytes'),
        capacityBytes: String(MiB),
      }),
    id_reused: async ({ ground }) => {
      const request = { volume: await ground.newVolume(), ...mask('user_tags') }
      const others = { ...request, userTags: ['x'] }
      return await twice(ground.client.volumes.updateVolume, [request, others])
    },
    volume_not_found: ({ ground }) =>
      ground.client.volumes.updateVolume({ volume: nowhere, ...mask('user_tags') }),
    validation_unique_failed: ({ ground }) =>
      ground.client.volumes.updateVolume({ volume: 'base', ...mask('name'), name: 'subject' }),
    failed_precondition: async (at) =>
      await at.ground.client.volumes.updateVolume({
        volume: await at.deletingVolume(),
        ...mask('capacity_bytes'),
        capacityBytes: String(8n * MiB),
      }),
    etag_mismatch: ({ ground }) =>
      ground.client.volumes.updateVolume({ volume: 'base', ...mask('user_tags'), etag: '"0"' }),
    region_unavailable: async (at) =>
      await at.ground.client.volumes.updateVolume({
        volume: await at.volumeInLostZone(),
        ...mask('capacity_bytes'),
        capacityBytes: String(8n * MiB),
      }),
  },
  DeleteVolume: {
    invalid_argument: ({ ground }) => ground.client.volumes.deleteVolume({ volume: '../x' }),
    id_reused: async ({ ground }) => {
      const [a, b] = [await ground.newVolume(), await ground.newVolume()]
      return await twice(ground.client.volumes.deleteVolume, [{ volume: a }, { volume: b }])
    },
    volume_not_found: ({ ground }) => ground.client.volumes.deleteVolume({ volume: nowhere }),
    volume_in_use: async ({ ground }) => {
      await ground.attach('base')
      return await ground.client.volumes.deleteVolume({ volume: 'base' })
    },
    etag_mismatch: ({ ground }) =>
      ground.client.volumes.deleteVolume({ volume: 'base', etag: '"0"' }),
  },
}

const attachments: Refusals = {
  CreateAttachment: {
    invalid_argument: ({ ground }) =>
      ground.client.attachments.createAttachment({ volume: 'base', host: 'a b' }),
    id_reused: ({ ground }) => {
      const request = { volume: 'base', host: 'host-1' }
      const others = { ...request, host: 'host-2' }
      return twice(ground.client.attachments.createAttachment, [request, others])
    },
    volume_not_found: ({ ground }) =>
      ground.client.attachments.createAttachment({ volume: nowhere, host: 'host-1' }),
    volume_attached: async ({ ground }) => {
      await ground.attach('base')
      return await ground.client.attachments.createAttachment({ volume: 'base', host: 'host-2' })
    },
    failed_precondition: ({ ground }) =>
      ground.client.attachments.createAttachment({ volume: 'base', host: 'host-1', wantTcp: true }),
    region_unavailable: async (at) =>
      await at.ground.client.attachments.createAttachment({
        volume: await at.volumeInLostZone(),
        host: 'host-1',
      }),
  },
  GetAttachment: {
    invalid_argument: ({ ground }) =>
      ground.client.attachments.getAttachment({ attachment: 'base' }),
    attachment_not_found: ({ ground }) =>
      ground.client.attachments.getAttachment({ attachment: unknownId }),
  },
  ListAttachments: {
    invalid_argument: ({ ground }) => ground.client.attachments.listAttachments({ pageToken: 'x' }),
  },
  DeleteAttachment: {
    invalid_argument: ({ ground }) => ground.client.attachments.deleteAttachment({}),
    id_reused: async ({ ground }) => {
      const ids = await Promise.all(['base', 'subject'].map((volume) => ground.attach(volume)))
      const [a, b] = ids.map(({ id }) => ({ attachment: id })) as [object, object]
      return await twice(ground.client.attachments.deleteAttachment, [a, b])
    },
    attachment_not_found: ({ ground }) =>
      ground.client.attachments.deleteAttachment({ attachment: unknownId }),
  },
}

const snapshots: Refusals = {
  CreateSnapshot: {
    invalid_argument: ({ ground, source }) =>
      ground.client.snapshots.createSnapshot({
        sourceSnapshotCrn: source.crn.replace(':remote:', ':nowhere:'),
      }),
    id_reused: ({ ground }) => {
      const request = { sourceVolume: 'subject' }
      const others = { ...request, name: 'x' }
      return twice(ground.client.snapshots.createSnapshot, [request, others])
    },
    volume_not_found: ({ ground }) =>
      ground.client.snapshots.createSnapshot({ sourceVolume: nowhere }),
    snapshot_not_found: ({ ground, source }) =>
      ground.client.snapshots.createSnapshot({
        sourceSnapshotCrn: source.crn.replace(source.id, unknownId),
      }),
    zone_not_found: ({ ground }) =>
      ground.client.snapshots.createSnapshot({ sourceVolume: 'subject', cloneZones: [nowhere] }),
    validation_unique_failed: ({ ground }) =>
      ground.client.snapshots.createSnapshot({ sourceVolume: 'subject', name: 'base-cut' }),
    failed_precondition: async (at) =>
      await at.ground.client.snapshots.createSnapshot({ sourceVolume: await at.deletingVolume() }),
    snapshot_pending: ({ ground, pending }) =>
      ground.client.snapshots.createSnapshot({ sourceSnapshotCrn: pending.crn }),
    snapshot_failed: ({ ground, failed }) =>
      ground.client.snapshots.createSnapshot({ sourceSnapshotCrn: failed.crn }),
    permission_denied: ({ stuckClient, source }) =>
      stuckClient.snapshots.createSnapshot({ sourceSnapshotCrn: source.crn }),
    region_unavailable: async (at) =>
      await at.ground.client.snapshots.createSnapshot({
        sourceVolume: await at.volumeInLostZone(),
      }),
  },
  GetSnapshot: {
    invalid_argument: ({ ground }) => ground.client.snapshots.getSnapshot({}),
    snapshot_not_found: ({ ground }) => ground.client.snapshots.getSnapshot({ snapshot: nowhere }),
  },
  ListSnapshots: {
    invalid_argument: ({ ground }) => ground.client.snapshots.listSnapshots({ pageSize: -1 }),
  },
  UpdateSnapshot: {
    invalid_argument: ({ ground }) =>
      ground.client.snapshots.updateSnapshot({ snapshot: 'base-cut', ...mask('root') }),
    id_reused: async ({ ground }) => {
      const request = { snapshot: await ground.newSnapshot(), ...mask('user_tags') }
      const others = { ...request, userTags: ['x'] }
      return await twice(ground.client.snapshots.updateSnapshot, [request, others])
    },
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.updateSnapshot({ snapshot: nowhere, ...mask('user_tags') }),
    validation_unique_failed: async ({ ground }) =>
      await ground.client.snapshots.updateSnapshot({
        snapshot: await ground.newSnapshot(),
        ...mask('name'),
        name: 'base-cut',
      }),
    etag_mismatch: ({ ground }) =>
      ground.client.snapshots.updateSnapshot({
        snapshot: 'base-cut',
        ...mask('user_tags'),
        etag: '"0"',
      }),
  },
  DeleteSnapshot: {
    invalid_argument: ({ ground }) => ground.client.snapshots.deleteSnapshot({ snapshot: '' }),
    id_reused: async ({ ground }) => {
      const [a, b] = [await ground.newSnapshot(), await ground.newSnapshot()]
      return await twice(ground.client.snapshots.deleteSnapshot, [{ snapshot: a }, { snapshot: b }])
    },
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.deleteSnapshot({ snapshot: nowhere }),
    etag_mismatch: ({ ground }) =>
      ground.client.snapshots.deleteSnapshot({ snapshot: 'base-cut', etag: '"0"' }),
  },
}

const clones: Refusals = {
  CreateSnapshotClone: {
    invalid_argument: ({ ground }) =>
      ground.client.snapshots.createSnapshotClone({ snapshot: 'base-cut' }),
    id_reused: async ({ ground }) => {
      const snapshot = await ground.newSnapshot()
      const [a, b] = [
        { snapshot, zone: 'local-1' },
        { snapshot, zone: 'local-2' },
      ]
      return await twice(ground.client.snapshots.createSnapshotClone, [a, b])
    },
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.createSnapshotClone({ snapshot: nowhere, zone: 'local-1' }),
    zone_not_found: ({ ground }) =>
      ground.client.snapshots.createSnapshotClone({ snapshot: 'base-cut', zone: nowhere }),
    snapshot_failed: ({ stuckClient, failed }) =>
      stuckClient.snapshots.createSnapshotClone({ snapshot: failed.id, zone: 'stuck-1' }),
  },
  GetSnapshotClone: {
    invalid_argument: ({ ground }) =>
      ground.client.snapshots.getSnapshotClone({ snapshot: 'base-cut', zone: 'A' }),
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.getSnapshotClone({ snapshot: nowhere, zone: 'local-1' }),
    not_found: ({ ground }) =>
      ground.client.snapshots.getSnapshotClone({ snapshot: 'base-cut', zone: 'local-1' }),
  },
  ListSnapshotClones: {
    invalid_argument: ({ ground }) => ground.client.snapshots.listSnapshotClones({}),
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.listSnapshotClones({ snapshot: nowhere }),
  },
  DeleteSnapshotClone: {
    invalid_argument: ({ ground }) =>
      ground.client.snapshots.deleteSnapshotClone({ snapshot: 'base-cut' }),
    id_reused: async ({ ground }) => {
      const [snapshot, other] = [await ground.newClone('local-1'), await ground.newClone('local-1')]
      const [a, b] = [
        { snapshot, zone: 'local-1' },
        { snapshot: other, zone: 'local-1' },
      ]
      return await twice(ground.client.snapshots.deleteSnapshotClone, [a, b])
    },
    snapshot_not_found: ({ ground }) =>
      ground.client.snapshots.deleteSnapshotClone({ snapshot: nowhere, zone: 'local-1' }),
    not_found: ({ ground }) =>
      ground.client.snapshots.deleteSnapshotClone({ snapshot: 'base-cut', zone: 'local-2' }),
  },
}

/** A region of its own, with one stable snapshot, whose files are to be tampered with. */
async function tampered(spoil: (world: World, snapshots: Objects) => Promise<void>) {
  const world = await World.start({ zones: ['z-1'], poolCapacity: '64MiB' })
  const client = new Client(world.endpoint)
  try {
    await client.volumes.createVolume({ name: 'v', zone: 'z-1', capacityBytes: bytes })
    const uri = await world.must('attach', 'v')
    await world.must('snapshot-create', '--volume', 'v', '--name', 'empty', '--wait')
    await writeSome(uri)
    await world.must('snapshot-create', '--volume', 'v', '--name', 'one', '--wait')
    await spoil(world, new Objects(client))
    return await client.operator.collectStore({})
  } finally {
    client.close()
    await world.remove()
  }
}

async function writeSome(uri: string): Promise<void> {
  await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x77 0 1M', '-c', 'flush', uri])
}

const operator: Refusals = {
  GetStoreStats: {
    device_failed: ({ stuckClient }) => stuckClient.operator.getStoreStats({}),
  },
  CollectStore: {
    device_failed: ({ stuckClient }) => stuckClient.operator.collectStore({}),
    catalog_behind: () =>
      tampered(async (world) => {
        const catalog = join(world.folder, 'region', 'catalog.db')
        await world.signal('region', 'SIGTERM')
        copyFileSync(catalog, `${catalog}.yesterday`)
        await world.start('region')
        await world.must('snapshot-create', '--volume', 'v', '--name', 'two', '--wait')
        await world.signal('region', 'SIGTERM')
        for (const end of ['-wal', '-shm']) rmSync(catalog + end, { force: true })
        copyFileSync(`${catalog}.yesterday`, catalog)
        await world.start('region')
      }),
    failed_precondition: () =>
      tampered(async (world) => {
        for (const site of ['region', 'z-1']) await world.signal(site, 'SIGTERM')
        const data = join(world.folder, 'region')
        for (const end of ['', '-wal', '-shm']) rmSync(`${data}/catalog.db${end}`, { force: true })
        await world.must('store-rebuild-catalog', data)
        await world.start('region') // and the node, which has something to say, does not
      }),
    corrupt: () =>
      tampered(async (world) => {
        await world.signal('region', 'SIGTERM')
        const packs = join(world.folder, 'region', 'store', 'packs')
        for (const name of readdirSync(packs)) {
          if (name.startsWith('n-')) flipMiddle(join(packs, name))
        }
        await world.start('region')
      }),
  },
  ForgetZone: {
    invalid_argument: ({ ground }) => ground.client.operator.forgetZone({ zone: 'No Zone' }),
    zone_not_found: ({ ground }) => ground.client.operator.forgetZone({ zone: nowhere }),
    failed_precondition: ({ ground }) => ground.client.operator.forgetZone({ zone: 'local-1' }),
  },
  GrowPool: {
    invalid_argument: ({ ground }) => ground.client.operator.growPool({ node: 'No Node' }),
    not_found: ({ ground }) => ground.client.operator.growPool({ node: nowhere }),
    failed_precondition: async ({ ground: { world, client } }) => {
      const before = world.setPoolCapacity('local-1', '64MiB')
      try {
        return await client.operator.growPool({ node: 'local-1-a' })
      } finally {
        world.setPoolCapacity('local-1', before)
      }
    },
    region_unavailable: async (at) => {
      const node = `${await at.loseZone()}-a`
      return await at.ground.client.operator.growPool({ node })
    },
  },
}

// A node stands there.
function flipMiddle(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(64, 0xff), 0, 64, Math.floor(statSync(path).size / 3))
  closeSync(file)
}

export const refusals: Refusals = {
  ...volumes,
  ...attachments,
  ...snapshots,
  ...clones,
  ...operator,
}
