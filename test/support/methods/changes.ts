// Uses of the methods that change something in one region and its zones.

import { expect } from 'vitest'

import { waitForClone } from '../../../src/client/wait.js'
import { MiB, newRequestId, notFound, refusal } from '../api.js'
import { must, run } from '../tools.js'
import type { Ground } from './ground.js'
import { type Trial, type Use, steady } from './trial.js'

function creating(ground: Ground, zone: string, sourceSnapshot: string): Trial {
  const { client } = ground
  const name = ground.newName('v')
  const requestId = newRequestId()
  const capacityBytes = sourceSnapshot === '' ? String(4n * MiB) : '0'
  return {
    call: () =>
      client.volumes.createVolume({ name, zone, sourceSnapshot, capacityBytes, requestId }),
    check: async () => {
      expect(await client.volumes.getVolume({ volume: name })).toMatchObject({
        zone,
        status: 'VOLUME_STATUS_AVAILABLE',
        capacityBytes: String(4n * MiB),
      })
      if (sourceSnapshot !== '') return await ground.expectReadable(name)
      const { nbdUnixUri, id } = await ground.attach(name)
      await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0 0 4M', nbdUnixUri])
      await client.attachments.deleteAttachment({ attachment: id })
    },
    leaves: { volumes: [name] },
  }
}

async function updatingVolume(ground: Ground): Promise<Trial> {
  const { client } = ground
  const { id, etag } = await client.volumes.getVolume({ volume: await ground.newVolume() })
  const name = ground.newName('v')
  const updateMask = { paths: ['name', 'user_tags', 'capacity_bytes'] }
  const bytes = String(8n * MiB)
  const change = { name, userTags: ['x'], capacityBytes: bytes, etag, updateMask }
  const requestId = newRequestId()
  return {
    call: () => client.volumes.updateVolume({ volume: id, ...change, requestId }),
    check: async () => {
      const now = await client.volumes.getVolume({ volume: id })
      const available = { status: 'VOLUME_STATUS_AVAILABLE' }
      expect(now).toMatchObject({ ...available, name, userTags: ['x'], capacityBytes: bytes })
      expect(now.etag).not.toBe(etag)
      const attached = await ground.attach(name)
      expect(attached.deviceBytes).toBe(bytes)
      expect((await must('nbdinfo', ['--size', attached.nbdUnixUri])).trim()).toBe(bytes)
      await client.attachments.deleteAttachment({ attachment: attached.id })
      await ground.expectReadable(name)
    },
    leaves: { volumes: [name] },
  }
}

async function deletingVolume(ground: Ground): Promise<Trial> {
  const { client } = ground
  const volume = await ground.newVolume()
  // Its data may still be on the way.
  const snapshot = await ground.newSnapshot(volume)
  const requestId = newRequestId()
  return {
    call: () => client.volumes.deleteVolume({ volume, requestId }),
    check: async () => {
      const get = client.volumes.getVolume({ volume })
      expect(await refusal(get)).toMatchObject(notFound('volume'))
      expect((await ground.objects.stable(snapshot)).root).toBe(ground.root)
    },
    leaves: { snapshots: [snapshot] },
  }
}

async function attaching(ground: Ground): Promise<Trial> {
  const { attachments } = ground.client
  const volume = await ground.newVolume()
  const requestId = newRequestId()
  return {
    call: async () =>
      steady(await attachments.createAttachment({ volume, host: 'host-2', requestId })),
    check: async () => {
      const { attachments: found } = await attachments.listAttachments({ volume })
      const attached = { lifecycleState: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED' }
      expect(found).toMatchObject([{ ...attached, host: 'host-2' }])
      await ground.expectContent(found[0]?.nbdUnixUri ?? '')
    },
    leaves: { volumes: [volume], attached: [volume] },
  }
}

async function detaching(ground: Ground): Promise<Trial> {
  const { attachments } = ground.client
  const volume = await ground.newVolume()
  const { id: attachment, nbdUnixUri } = await ground.attach(volume)
  const requestId = newRequestId()
  return {
    call: () => attachments.deleteAttachment({ attachment, requestId }),
    check: async () => {
      const get = attachments.getAttachment({ attachment })
      expect(await refusal(get)).toMatchObject(notFound('attachment'))
      expect((await run('nbdinfo', ['--size', nbdUnixUri])).code).not.toBe(0)
      await ground.expectReadable(volume)
    },
    leaves: { volumes: [volume] },
  }
}

async function snapshotting(ground: Ground): Promise<Trial> {
  const name = ground.newName('s')
  const request = { sourceVolume: 'subject', name, requestId: newRequestId() }
  return {
    call: () => ground.client.snapshots.createSnapshot(request),
    check: async () => {
      const { root } = ground
      expect(await ground.objects.stable(name)).toMatchObject({ root, lifecycleReasons: [] })
    },
    leaves: { snapshots: [name] },
  }
}

async function updatingSnapshot(ground: Ground): Promise<Trial> {
  const { snapshots } = ground.client
  const { id, etag } = await snapshots.getSnapshot({ snapshot: await ground.newSnapshot() })
  const name = ground.newName('s')
  const change = { name, userTags: ['x'], updateMask: { paths: ['name', 'user_tags'] }, etag }
  const requestId = newRequestId()
  return {
    call: () => snapshots.updateSnapshot({ snapshot: id, ...change, requestId }),
    check: async () => {
      const { root } = ground
      expect(await ground.objects.stable(id)).toMatchObject({ name, userTags: ['x'], root })
    },
    leaves: { snapshots: [name] },
  }
}

async function deletingSnapshot(ground: Ground): Promise<Trial> {
  const { snapshots } = ground.client
  // It may be pending or stable.
  const snapshot = await ground.newSnapshot()
  const requestId = newRequestId()
  return {
    call: () => snapshots.deleteSnapshot({ snapshot, requestId }),
    check: async () => {
      const get = snapshots.getSnapshot({ snapshot })
      expect(await refusal(get)).toMatchObject(notFound('snapshot'))
    },
    leaves: {},
  }
}

async function cloning(ground: Ground, zone: string): Promise<Trial> {
  const { client } = ground
  // It may still be pending.
  const snapshot = await ground.newSnapshot()
  const volume = ground.newName('v')
  const requestId = newRequestId()
  return {
    call: () => client.snapshots.createSnapshotClone({ snapshot, zone, requestId }),
    check: async () => {
      await waitForClone(client, { snapshot, zone })
      const { clones } = await client.snapshots.getSnapshot({ snapshot })
      expect(clones).toMatchObject([{ zone, available: true, progress: { percent: 100 } }])
      const request = { name: volume, zone, sourceSnapshot: snapshot }
      const made = await client.volumes.createVolume(request)
      expect(made).toMatchObject({ healthState: 'VOLUME_HEALTH_STATE_OK' })
      await ground.expectReadable(volume)
      await client.volumes.deleteVolume({ volume })
    },
    leaves: { snapshots: [snapshot] },
  }
}

async function uncloning(ground: Ground, zone: string): Promise<Trial> {
  const { snapshots } = ground.client
  const snapshot = await ground.newClone(zone)
  const requestId = newRequestId()
  return {
    call: () => snapshots.deleteSnapshotClone({ snapshot, zone, requestId }),
    check: async () => {
      const get = snapshots.getSnapshotClone({ snapshot, zone })
      expect(await refusal(get)).toMatchObject({ reason: 'NOT_FOUND', field: 'zone' })
      const { id, clones } = await ground.objects.stable(snapshot)
      expect(clones).toEqual([])
      const isGone = async () => {
        const records = await ground.nodes.get(zone)?.records()
        return records?.clones.every(({ snapshotId }) => snapshotId !== id) === true
      }
      await ground.world.until(`${zone} has no clone of ${id}`, isGone, 60_000)
    },
    leaves: { snapshots: [snapshot] },
  }
}

/** What is done in local-2 is done there alone; the rest is of local-1. */
export const changes: readonly Use[] = [
  { name: 'CreateVolume', site: 'local-2', begin: async (at) => creating(at, 'local-2', '') },
  {
    name: 'CreateVolume from a cut',
    site: 'local-1',
    begin: async (at) => creating(at, 'local-1', 'base-cut'),
  },
  {
    name: 'CreateVolume from the region',
    site: 'local-2',
    begin: async (at) => creating(at, 'local-2', 'base-cut'),
  },
  { name: 'UpdateVolume', site: 'local-1', begin: updatingVolume },
  { name: 'DeleteVolume', site: 'local-1', begin: deletingVolume },
  { name: 'CreateAttachment', site: 'local-1', begin: attaching },
  { name: 'DeleteAttachment', site: 'local-1', begin: detaching },
  { name: 'CreateSnapshot', site: 'local-1', begin: snapshotting },
  { name: 'UpdateSnapshot', site: 'local-1', begin: updatingSnapshot },
  { name: 'DeleteSnapshot', site: 'local-1', begin: deletingSnapshot },
  {
    name: 'CreateSnapshotClone from a cut',
    site: 'local-1',
    begin: async (at) => await cloning(at, 'local-1'),
  },
  {
    name: 'CreateSnapshotClone from the region',
    site: 'local-2',
    begin: async (at) => await cloning(at, 'local-2'),
  },
  {
    name: 'DeleteSnapshotClone',
    site: 'local-2',
    begin: async (at) => await uncloning(at, 'local-2'),
  },
]
