// ashlar.v1.TopologyService against real daemons, and what every other method answers about a zone
// whose nodes are away.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB, Objects, ZoneApi, notFound, refusal, unavailable } from '../support/api.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

let other: World
let world: World
let client: Client
let objects: Objects
beforeAll(async () => {
  other = await World.start({ zones: ['elsewhere'], poolCapacity: '64MiB' })
  world = await World.start({
    zones: ['local-2', 'local-1'],
    twins: ['local-1'],
    poolCapacity: '64MiB',
    peers: [
      { name: 'near', number: 7, address: other.endpoint },
      { name: 'far', number: 70, address: 'unix:/nowhere/region.sock' },
    ],
  })
  client = new Client(world.endpoint)
  objects = new Objects(client)
})
afterEach(async () => await objects.clear())
afterAll(async () => {
  client?.close()
  await world?.remove()
  await other?.remove()
})

const regions = async (name = '') => (await client.topology.listRegions({ name })).regions
const zones = async (name = '') => (await client.topology.listZones({ name })).zones
const statusOf = async (zone: string) => (await zones(zone))[0]?.status
const volume = (name: string, zone = 'local-2') =>
  client.volumes.createVolume({ name, zone, capacityBytes: String(4n * MiB) })

const self = {
  name: 'local',
  number: 1,
  status: 'REGION_STATUS_AVAILABLE',
  local: true,
  account: 'local',
}
const peer = { local: false, account: '' }
const near = { ...peer, name: 'near', number: 7 }
const far = { ...peer, name: 'far', number: 70, status: 'REGION_STATUS_UNAVAILABLE' }

describe('ListRegions', () => {
  test('answers this region first, then its peers by name, and who of them is there', async () => {
    expect(await regions()).toEqual([
      { ...self, endpoint: world.endpoint },
      { ...far, endpoint: 'unix:/nowhere/region.sock' },
      { ...near, endpoint: other.endpoint, status: 'REGION_STATUS_AVAILABLE' },
    ])
    expect(await regions('local')).toMatchObject([self])
    expect(await regions('far')).toMatchObject([far])
    expect(await regions('near')).toMatchObject([near])
    for (const name of ['nowhere', 'Not A Name', 'x'.repeat(100_000)]) {
      expect(await regions(name)).toEqual([])
    }
  })

  test('notices that a peer goes and comes', async () => {
    await other.signal('region', 'SIGKILL')
    expect(await regions('near')).toMatchObject([{ status: 'REGION_STATUS_UNAVAILABLE' }])
    await other.start('region')
    expect(await regions('near')).toMatchObject([{ status: 'REGION_STATUS_AVAILABLE' }])
  })
})

describe('ListZones', () => {
  test('answers the zones by name, with what their pools have', async () => {
    await volume('a')
    await volume('b')
    const [one, two, ...more] = await zones()
    expect(more).toEqual([])
    expect(one).toEqual({
      name: 'local-1',
      region: 'local',
      status: 'ZONE_STATUS_AVAILABLE',
      nodes: 2,
      nodesAvailable: 2,
      poolCapacityBytes: String(128n * MiB),
      poolFreeBytes: expect.stringMatching(/^\d+$/),
      volumes: 0,
      statusReasons: [],
    })
    expect(two).toMatchObject({
      name: 'local-2',
      nodes: 1,
      nodesAvailable: 1,
      poolCapacityBytes: String(64n * MiB),
      volumes: 2,
    })
    expect(Number(one?.poolFreeBytes)).toBeLessThanOrEqual(Number(128n * MiB))
    expect(await zones('local-2')).toEqual([two])
    for (const name of ['elsewhere', 'nowhere', 'Not A Name', 'x'.repeat(100_000)]) {
      expect(await zones(name)).toEqual([])
    }
  })

  test('sees data come and go', async () => {
    const free = async () => BigInt((await zones('local-2'))[0]?.poolFreeBytes ?? 0)
    const before = await free()
    // Much enough for the pool to give it back without being short of space.
    const bytes = 24n * MiB
    const request = { name: 'big', zone: 'local-2', capacityBytes: String(bytes) }
    const { id } = await client.volumes.createVolume(request)
    const attached = await client.attachments.createAttachment({ volume: 'big', host: 'h' })
    const { nbdUnixUri } = attached
    await must('qemu-io', ['-f', 'raw', '-c', `write 0 ${bytes}`, '-c', 'flush', nbdUnixUri])
    await world.until('less is free', async () => (await free()) <= before - bytes)
    await client.attachments.deleteAttachment({ attachment: attached.id })
    await client.volumes.deleteVolume({ volume: id })
    await world.until('it is free again', async () => (await free()) >= before - MiB)
  })

  test('says when some or all nodes of a zone are away, and goes on with those that are not', async () => {
    await world.signal('local-1', 'SIGKILL')
    await world.until(
      'impaired',
      async () => (await statusOf('local-1')) === 'ZONE_STATUS_IMPAIRED',
    )
    expect(await zones('local-1')).toMatchObject([
      { nodes: 2, nodesAvailable: 1, poolCapacityBytes: String(64n * MiB) },
    ])
    for (const name of ['a', 'b', 'c']) await volume(name, 'local-1')
    const twin = new ZoneApi(world.zoneEndpoint('local-1-b'))
    expect((await twin.records()).volumes).toHaveLength(3)
    twin.close()

    await world.signal('local-1-b', 'SIGKILL')
    const gone = 'ZONE_STATUS_UNAVAILABLE'
    await world.until('unavailable', async () => (await statusOf('local-1')) === gone)
    expect(await zones('local-1')).toMatchObject([
      { nodes: 2, nodesAvailable: 0, poolCapacityBytes: '0', poolFreeBytes: '0', volumes: 3 },
    ])
    expect(await refusal(volume('d', 'local-1'))).toMatchObject(unavailable)
    await volume('e', 'local-2')

    await world.start('local-1')
    await world.start('local-1-b')
    const there = 'ZONE_STATUS_AVAILABLE'
    await world.until('available', async () => (await statusOf('local-1')) === there)
  })
})

describe('a zone that is away', () => {
  test('is said at once where nothing can be done, and told in time what was decided', async () => {
    const { id: idle } = await volume('idle')
    await volume('used')
    await volume('free')
    const attached = await client.attachments.createAttachment({ volume: 'used', host: 'web-1' })
    const { id: attachment, nbdUnixUri } = attached
    await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 4M', '-c', 'flush', nbdUnixUri])
    await client.snapshots.createSnapshot({ sourceVolume: 'used', name: 'kept' })
    await client.snapshots.createSnapshot({ sourceVolume: 'used', name: 'dropped' })
    await objects.stable('kept')
    await objects.stable('dropped')
    await world.signal('local-2', 'SIGKILL')
    const gone = 'ZONE_STATUS_UNAVAILABLE'
    await world.until('unavailable', async () => (await statusOf('local-2')) === gone)

    const away = { ...unavailable, metadata: { zone: 'local-2', node: 'local-2-a' } }
    const refused = [
      volume('more'),
      client.volumes.createVolume({ zone: 'local-2', sourceSnapshot: 'kept' }),
      client.volumes.updateVolume({
        volume: 'free',
        updateMask: { paths: ['name', 'capacity_bytes'] },
        name: 'grown',
        capacityBytes: String(8n * MiB),
      }),
      client.attachments.createAttachment({ volume: 'free', host: 'web-1' }),
      client.snapshots.createSnapshot({ sourceVolume: 'free' }),
    ]
    for (const { retryMs, ...rest } of await Promise.all(refused.map(refusal))) {
      expect(rest).toMatchObject(away)
      expect(retryMs).toBeGreaterThan(0)
    }
    expect((await client.volumes.listVolumes({})).totalCount).toBe(3)
    expect((await client.snapshots.listSnapshots({})).totalCount).toBe(2)

    // What it last was is still known.
    expect(await client.volumes.getVolume({ volume: 'free' })).toMatchObject({
      status: 'VOLUME_STATUS_AVAILABLE',
      healthState: 'VOLUME_HEALTH_STATE_DEGRADED',
      healthReasons: [{ code: 'zone_unreachable' }],
      capacityBytes: String(4n * MiB),
    })
    expect(await client.attachments.getAttachment({ attachment })).toMatchObject({
      lifecycleState: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED',
      nbdUnixUri,
      connections: 0,
    })
    const again = client.attachments.createAttachment({ volume: 'used', host: 'web-1' })
    expect((await again).id).toBe(attachment)
    const mask = { paths: ['name', 'user_tags'] }
    const label = { volume: 'free', updateMask: mask, name: 'renamed', userTags: ['x'] }
    expect(await client.volumes.updateVolume(label)).toMatchObject({ name: 'renamed' })
    // A stable snapshot is the region's alone.
    const restored = await client.volumes.createVolume({ zone: 'local-1', sourceSnapshot: 'kept' })
    await client.snapshots.updateSnapshot({ snapshot: 'kept', updateMask: mask, name: 'still' })
    expect(await client.snapshots.deleteSnapshot({ snapshot: 'dropped' })).toEqual({
      snapshot: null,
    })

    // Deletes are accepted, and wait for the node; all at once, because each is answered late.
    const deleting = client.volumes.deleteVolume({ volume: 'idle' })
    const detaching = client.attachments.deleteAttachment({ attachment })
    const detachingNow = 'ATTACHMENT_LIFECYCLE_STATE_DETACHING'
    await world.until('it is detaching', async () => {
      const found = await client.attachments.getAttachment({ attachment })
      return found.lifecycleState === detachingNow
    })
    const unusable = { attachmentState: 'VOLUME_ATTACHMENT_STATE_UNUSABLE' } as const
    expect((await client.volumes.listVolumes(unusable)).volumes).toMatchObject([{ id: idle }])
    const wrongState = {
      status: 'FAILED_PRECONDITION',
      reason: 'FAILED_PRECONDITION',
      field: 'volume',
    }
    const grow = { volume: idle, updateMask: { paths: ['capacity_bytes'] } }
    const bytes = String(8n * MiB)
    const toIdle = [
      client.attachments.createAttachment({ volume: idle, host: 'web-1' }),
      client.volumes.updateVolume({ ...grow, capacityBytes: bytes }),
    ]
    for (const each of await Promise.all(toIdle.map(refusal))) {
      expect(each).toMatchObject(wrongState)
    }
    const cut = client.snapshots.createSnapshot({ sourceVolume: idle })
    expect(await refusal(cut)).toMatchObject(wrongState)
    // Its name is free: it means nobody now.
    const byName = client.volumes.getVolume({ volume: 'idle' })
    expect(await refusal(byName)).toMatchObject(notFound('volume'))
    const late = refusal(client.attachments.createAttachment({ volume: 'used', host: 'web-2' }))
    expect(await deleting).toMatchObject({
      volume: {
        id: idle,
        status: 'VOLUME_STATUS_PENDING_DELETION',
        healthState: 'VOLUME_HEALTH_STATE_INAPPLICABLE',
        attachmentState: 'VOLUME_ATTACHMENT_STATE_UNUSABLE',
      },
    })
    expect(await late).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'VOLUME_ATTACHED',
      metadata: { attachment, host: 'web-1' },
    })
    expect(await detaching).toMatchObject({
      attachment: { id: attachment, lifecycleState: detachingNow },
    })

    await world.start('local-2')
    const absent = async (call: Promise<unknown>) => (await refusal(call)).status === 'NOT_FOUND'
    await world.until('the volume is gone', () =>
      absent(client.volumes.getVolume({ volume: idle })),
    )
    await world.until('the attachment is gone', () =>
      absent(client.attachments.getAttachment({ attachment })),
    )
    const zone = new ZoneApi(world.zoneEndpoint('local-2'))
    await world.until('the node has what is left', async () => {
      const { volumes, attachments, tombstones } = await zone.records()
      expect([volumes, attachments, tombstones].map(({ length }) => length)).toEqual([2, 0, 0])
      return true
    })
    zone.close()
    const back = await client.attachments.createAttachment({ volume: restored.id, host: 'h' })
    const read = await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0x5a 0 4M', back.nbdUnixUri])
    expect(read).not.toContain('failed')
  })
})
