// Uses of the methods that only look, and of those that take more than one region or zone.

import { expect } from 'vitest'

import type { CollectStoreResponse__Output as Collected } from '../../../src/gen/ashlar/v1/CollectStoreResponse.js'
import { MiB, newRequestId } from '../api.js'
import type { Regions } from './regions.js'
import { type Trial, type Use, steady } from './trial.js'

/** The same answer, again and again; `check` looks at the last one. */
function looking<T>(
  ask: () => Promise<T>,
  check: (answer: T) => unknown,
  leaves: Trial['leaves'] = {},
): Trial {
  let last: T
  return {
    call: async () => (last = await ask()),
    check: async () => {
      await check(last)
    },
    leaves,
  }
}

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)

async function copying(at: Regions): Promise<Trial> {
  const { ground, source, remote, remoteClient } = at
  const name = ground.newName('copy')
  const request = { sourceSnapshotCrn: source.crn, name, requestId: newRequestId() }
  return {
    call: () => ground.client.snapshots.createSnapshot(request),
    check: async () => {
      const copy = await ground.objects.stable(name)
      expect(copy).toMatchObject({
        root: source.root,
        lifecycleReasons: [],
        sourceSnapshot: { id: source.id, name: 'far-cut', remoteRegion: 'remote', deleted: false },
      })
      await remote.until('the source shows it', async () => {
        const { copies } = await remoteClient.snapshots.getSnapshot({ snapshot: source.id })
        return copies.some(({ snapshot }) => snapshot?.id === copy.id)
      })
    },
    leaves: { snapshots: [name] },
  }
}

async function collecting({ ground }: Regions): Promise<Trial> {
  const { client } = ground
  const gone = await ground.newSnapshot()
  await ground.objects.stable(gone)
  await client.snapshots.deleteSnapshot({ snapshot: gone })
  return {
    call: () => client.operator.collectStore({}),
    again: (first, second) => {
      const [before, after] = [first, second] as [Collected, Collected]
      expect(Number(after.generation)).toBeGreaterThan(Number(before.generation))
      expect(after).toMatchObject({ freedBytes: '0', after: { problems: [] } })
    },
    check: async () => {
      expect(await client.operator.getStoreStats({})).toMatchObject({ problems: [], sessions: 0 })
      const volume = await ground.newVolume('local-2')
      await ground.expectReadable(volume)
      await client.volumes.deleteVolume({ volume })
    },
    leaves: {},
  }
}

async function forgetting(at: Regions): Promise<Trial> {
  const { client } = at.ground
  await at.volumeInLostZone()
  const zone = await at.loseZone()
  return {
    call: () => client.operator.forgetZone({ zone }),
    again: (_first, second) => expect(second).toEqual({ pinsDropped: 0, volumesForgotten: 0 }),
    check: async () => {
      expect((await client.volumes.listVolumes({ zone })).totalCount).toBe(0)
      await at.ground.world.until('no pin is left', async () => {
        return (await client.operator.getStoreStats({})).pins === 0
      })
    },
    leaves: {},
  }
}

let capacityMib = 512

async function growing({ ground: { world, client } }: Regions): Promise<Trial> {
  capacityMib += 16
  const capacityBytes = String(BigInt(capacityMib) * MiB)
  world.setPoolCapacity('local-1', `${capacityMib}MiB`)
  return {
    call: () => client.operator.growPool({ node: 'local-1-a' }),
    again: (_first, second) =>
      expect(second).toEqual({ capacityBytes, capacityBeforeBytes: capacityBytes }),
    check: async () => {
      await world.until('the region shows it', async () => {
        const { zones } = await client.topology.listZones({ name: 'local-1' })
        return zones[0]?.poolCapacityBytes === capacityBytes
      })
    },
    leaves: {},
  }
}

export const others: readonly Use<Regions>[] = [
  { name: 'CreateSnapshot of another region', site: 'remote', begin: copying },
  { name: 'CollectStore', begin: collecting },
  { name: 'ForgetZone', begin: forgetting },
  { name: 'GrowPool', site: 'local-1', begin: growing },
  {
    name: 'GetVolume',
    begin: async ({ ground }) =>
      looking(
        () => ground.client.volumes.getVolume({ volume: 'base' }),
        (volume) => expect(volume).toMatchObject({ name: 'base', zone: 'local-1' }),
      ),
  },
  {
    name: 'ListVolumes',
    begin: async ({ ground }) =>
      looking(
        () => ground.client.volumes.listVolumes({}),
        ({ volumes }) => expect(names(volumes)).toEqual(['subject', 'base']),
      ),
  },
  {
    name: 'GetAttachment',
    begin: async ({ ground }) => {
      const { id: attachment } = await ground.attach('base')
      const { attachments } = ground.client
      return looking(
        async () => steady(await attachments.getAttachment({ attachment })),
        ({ nbdUnixUri }) => ground.expectContent(nbdUnixUri),
        { attached: ['base'] },
      )
    },
  },
  {
    name: 'ListAttachments',
    begin: async ({ ground }) => {
      const { id } = await ground.attach('base')
      const { attachments } = ground.client
      return looking(
        () => attachments.listAttachments({ volume: 'base' }),
        (page) => expect(page).toMatchObject({ attachments: [{ id }], totalCount: 1 }),
        { attached: ['base'] },
      )
    },
  },
  {
    name: 'GetSnapshot',
    begin: async ({ ground }) =>
      looking(
        () => ground.client.snapshots.getSnapshot({ snapshot: 'base-cut' }),
        ({ root }) => expect(root).toBe(ground.root),
      ),
  },
  {
    name: 'ListSnapshots',
    begin: async ({ ground }) =>
      looking(
        () => ground.client.snapshots.listSnapshots({}),
        ({ snapshots }) => expect(names(snapshots)).toEqual(['base-cut']),
      ),
  },
  {
    name: 'GetSnapshotClone',
    begin: async ({ ground }) => {
      const snapshot = await ground.newClone('local-1')
      return looking(
        () => ground.client.snapshots.getSnapshotClone({ snapshot, zone: 'local-1' }),
        (clone) => expect(clone).toMatchObject({ zone: 'local-1', available: true, reasons: [] }),
        { snapshots: [snapshot] },
      )
    },
  },
  {
    name: 'ListSnapshotClones',
    begin: async ({ ground }) => {
      const snapshot = await ground.newClone('local-1')
      return looking(
        () => ground.client.snapshots.listSnapshotClones({ snapshot }),
        ({ clones }) => expect(clones).toMatchObject([{ zone: 'local-1', available: true }]),
        { snapshots: [snapshot] },
      )
    },
  },
  {
    name: 'ListRegions',
    begin: async ({ ground }) =>
      looking(
        () => ground.client.topology.listRegions({}),
        ({ regions }) => expect(names(regions)).toEqual(['local', 'remote', 'stuck']),
      ),
  },
  {
    name: 'ListZones',
    begin: async (at) => {
      await at.regainZone()
      return looking(
        async () => {
          const { zones } = await at.ground.client.topology.listZones({})
          return zones.map(({ name, nodes, volumes }) => ({ name, nodes, volumes }))
        },
        (zones) =>
          expect(zones).toEqual([
            { name: 'local-1', nodes: 1, volumes: 2 },
            { name: 'local-2', nodes: 1, volumes: 0 },
            { name: 'local-3', nodes: 1, volumes: 0 },
          ]),
      )
    },
  },
  {
    name: 'GetStoreStats',
    begin: async ({ ground }) => {
      const { operator } = ground.client
      return looking(
        async () => {
          // The index grows and shrinks by itself.
          const { indexBytes: _, indexMemoryBytes: __, ...stats } = await operator.getStoreStats({})
          return stats
        },
        (stats) => {
          expect(stats).toMatchObject({ problems: [], quarantined: 0, sessions: 0, pins: 0 })
          expect(Number(stats.chunks)).toBeGreaterThan(0)
        },
      )
    },
  },
]
