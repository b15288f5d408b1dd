// ashlar.v1.SnapshotService against real daemons: what each method answers and refuses, and that a
// snapshot holds what its volume held at the cut.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import type { CreateSnapshotRequest } from '../../src/gen/ashlar/v1/CreateSnapshotRequest.js'
import type { ListSnapshotsRequest } from '../../src/gen/ashlar/v1/ListSnapshotsRequest.js'
import type { UpdateSnapshotRequest } from '../../src/gen/ashlar/v1/UpdateSnapshotRequest.js'
import type { Volume__Output as Volume } from '../../src/gen/ashlar/v1/Volume.js'
import { native } from '../../src/native/binding.js'
import {
  MiB,
  Objects,
  ZoneApi,
  idReused,
  invalid,
  malformedNames,
  malformedReferences,
  malformedRequestIds,
  malformedTags,
  nameTaken,
  newRequestId,
  notFound,
  refusal,
  unknownId,
} from '../support/api.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

let world: World
let client: Client
let objects: Objects
let volume: Volume
let uri: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '1GiB' })
  client = new Client(world.endpoint)
  objects = new Objects(client)
})
beforeEach(async () => {
  volume = await client.volumes.createVolume({
    name: 'db',
    zone: 'local-1',
    capacityBytes: String(4n * MiB),
    userTags: ['of-the-volume'],
    operatingSystem: system,
    sourceImage: image,
  })
  const attached = await client.attachments.createAttachment({ volume: 'db', host: 'web-1' })
  uri = attached.nbdUnixUri
})
afterEach(async () => await objects.clear())
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const system = {
  name: 'debian-12',
  vendor: 'Debian',
  version: '12',
  family: 'Debian',
  architecture: 'amd64',
  displayName: 'Debian 12',
}
const image = { id: 'image-1', crn: 'crn:v1:other:public:is:x:a/b::image:1', name: 'golden' }

const cut = (request: CreateSnapshotRequest = {}) =>
  client.snapshots.createSnapshot({ sourceVolume: 'db', ...request })
const get = (snapshot: string) => client.snapshots.getSnapshot({ snapshot })
const list = (request: ListSnapshotsRequest = {}) => client.snapshots.listSnapshots(request)
const update = (paths: string[], request: UpdateSnapshotRequest) =>
  client.snapshots.updateSnapshot({ updateMask: { paths }, ...request })
const remove = (snapshot: string, more: { etag?: string; requestId?: string } = {}) =>
  client.snapshots.deleteSnapshot({ snapshot, ...more })
const namesOf = (page: { readonly snapshots: readonly { readonly name: string }[] }) =>
  page.snapshots.map(({ name }) => name)

const write = async (...commands: readonly string[]) =>
  await must('qemu-io', [
    '-f',
    'raw',
    ...commands.flatMap((each) => ['-c', each]),
    '-c',
    'flush',
    uri,
  ])
/** Fails unless the snapshot holds what an image with these bytes holds. */
async function expectContent(snapshot: string, ...commands: readonly string[]): Promise<void> {
  const file = join(world.folder, 'image')
  rmSync(file, { force: true })
  await must('truncate', ['-s', '4M', file])
  await must('qemu-io', [
    '-f',
    'raw',
    ...['info', ...commands].flatMap((each) => ['-c', each]),
    file,
  ])
  const { root } = await get(snapshot)
  expect(root).toBe((await native().verifyImage(file)).rootHex)
}

// First, because a region opens its store once and for all: until it is there nothing can be stored,
// so that a snapshot stays pending for as long as a test wants.
describe('a pending snapshot', () => {
  beforeAll(() => writeFileSync(join(world.folder, 'region', 'store'), 'in the way'))
  const pending = { lifecycleState: 'LIFECYCLE_STATE_PENDING' }

  test('is answered when the cut is durable', async () => {
    const snapshot = await cut({ name: 'one' })
    expect(snapshot).toEqual({
      id: expect.stringMatching(/^r001-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      crn: `crn:v1:ashlar:public:is:local:a/local::snapshot:${snapshot.id}`,
      name: 'one',
      etag: expect.stringMatching(/^"[^"]+"$/),
      ...pending,
      lifecycleReasons: [],
      progress: { doneBytes: '0', totalBytes: '0', percent: 0, bytesPerSecond: '0' },
      createdAt: { seconds: expect.stringMatching(/^\d+$/), nanos: expect.any(Number) },
      capturedAt: { seconds: expect.stringMatching(/^\d+$/), nanos: expect.any(Number) },
      minimumCapacityBytes: String(4n * MiB),
      storedBytes: '0',
      sourceVolume: {
        id: volume.id,
        crn: volume.crn,
        name: 'db',
        deleted: false,
        remoteRegion: '',
      },
      root: '',
      userTags: [],
      resourceGroup: 'default',
      bootable: true,
      operatingSystem: system,
      sourceImage: image,
      clones: [],
      copies: [],
      sourceSnapshot: null,
      deletable: true,
      serviceTags: [],
      encryption: 'ENCRYPTION_TYPE_PROVIDER_MANAGED',
      encryptionKeyCrn: '',
      logicalBytes: '0',
      transferredBytes: '0',
    })
  })

  test('says why it is not stable', async () => {
    await cut({ name: 'one' })
    const reason = async () => (await get('one')).lifecycleReasons[0]?.code ?? ''
    await world.until('a reason', async () => (await reason()) !== '')
    await world.signal('local-1', 'SIGKILL')
    await world.until('its zone is away', async () => (await reason()) === 'zone_unreachable')
    await world.start('local-1')
    await world.until('its zone is back', async () => (await reason()) !== 'zone_unreachable')
    expect(await get('one')).toMatchObject({ ...pending, progress: { percent: 0 } })
  })

  test('can be renamed, tagged and deleted', async () => {
    const { etag } = await cut({ name: 'one' })
    const changed = await update(['name', 'user_tags'], {
      snapshot: 'one',
      name: 'two',
      userTags: ['t'],
      etag,
    })
    expect(changed).toMatchObject({ ...pending, name: 'two', userTags: ['t'] })
    expect(await remove('two')).toEqual({ snapshot: null })
    expect(await refusal(get('two'))).toMatchObject(notFound('snapshot'))
  })

  test('that lost its cut has failed, and can only be deleted', async () => {
    const { id } = await cut({ name: 'lost' })
    await cut({ name: 'kept' })
    const zone = new ZoneApi(world.zoneEndpoint('local-1'))
    await zone.calls.dropCut({ snapshotId: id })
    zone.close()
    const failed = 'LIFECYCLE_STATE_FAILED'
    await world.until('it has failed', async () => (await get(id)).lifecycleState === failed)
    expect((await get(id)).lifecycleReasons).toMatchObject([{ code: 'cut_lost' }])
    expect(namesOf(await list({ lifecycleState: failed }))).toEqual(['lost'])
    expect(namesOf(await list({ lifecycleState: 'LIFECYCLE_STATE_PENDING' }))).toEqual(['kept'])
    expect(namesOf(await list({ lifecycleState: 'LIFECYCLE_STATE_STABLE' }))).toEqual([])
    expect(await remove('lost')).toEqual({ snapshot: null })
    expect(namesOf(await list())).toEqual(['kept'])
  })

  test('leaves its volume free, and others beside it, and all become stable', async () => {
    await write('write -P 0x11 0 4M')
    await cut({ name: 'one' })
    await write('write -P 0x22 1M 1M')
    await cut({ name: 'two' })
    await write('write -P 0x33 2M 1M', 'write -z 0 512k', 'discard 512k 512k')
    await cut({ name: 'three' })
    await write('write -P 0x44 0 4M')
    for (const { id } of await objects.attachments()) {
      await client.attachments.deleteAttachment({ attachment: id })
    }
    await client.volumes.updateVolume({
      volume: 'db',
      updateMask: { paths: ['capacity_bytes'] },
      capacityBytes: String(8n * MiB),
    })
    await client.volumes.deleteVolume({ volume: 'db' })
    expect((await get('two')).sourceVolume).toMatchObject({ id: volume.id, deleted: true })
    // Both daemons forget what they had in memory.
    await world.killAndRestart('local-1')
    await world.signal('region', 'SIGKILL')
    rmSync(join(world.folder, 'region', 'store'))
    await world.start('region')
    for (const name of ['one', 'two', 'three']) await objects.stable(name)
    await expectContent('one', 'write -P 0x11 0 4M')
    await expectContent('two', 'write -P 0x11 0 4M', 'write -P 0x22 1M 1M')
    const third = ['write -P 0x11 3M 1M', 'write -P 0x22 1M 1M', 'write -P 0x33 2M 1M']
    await expectContent('three', ...third)
    expect(await get('three')).toMatchObject({ minimumCapacityBytes: String(4n * MiB) })
  })
})

describe('CreateSnapshot', () => {
  test('becomes stable with a root and a size, attached or not', async () => {
    await write('write -P 0x11 0 1M')
    await cut({ name: 'one' })
    const one = await objects.stable('one')
    expect(one).toMatchObject({
      lifecycleState: 'LIFECYCLE_STATE_STABLE',
      lifecycleReasons: [],
      progress: { percent: 100 },
      root: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(Number(one.storedBytes)).toBeGreaterThan(0)
    await expectContent('one', 'write -P 0x11 0 1M')
    for (const { id } of await objects.attachments()) {
      await client.attachments.deleteAttachment({ attachment: id })
    }
    await cut({ name: 'two' })
    const two = await objects.stable('two')
    expect(two.root).toBe(one.root)
    // Nothing but its own record.
    expect(Number(two.storedBytes)).toBeLessThan(4096)
    expect(two.id).not.toBe(one.id)
  })

  test('of a volume that never was written is the root of zeros', async () => {
    await cut({ name: 'empty' })
    await objects.stable('empty')
    await expectContent('empty')
  })

  test('picks a name, and keeps what it does not look at', async () => {
    const userTags = ['b', 'env:prod', 'b', 'x'.repeat(128)]
    const snapshot = await cut({ userTags, resourceGroup: 'team_a-1' })
    expect(snapshot.name).toMatch(/^[a-z]+(-[a-z]+){3}$/)
    expect(snapshot.resourceGroup).toBe('team_a-1')
    expect(new Set(snapshot.userTags)).toEqual(new Set(userTags))
    await client.volumes.createVolume({
      name: 'plain',
      zone: 'local-2',
      capacityBytes: String(MiB),
    })
    expect(await cut({ sourceVolume: 'plain' })).toMatchObject({
      bootable: false,
      operatingSystem: null,
      sourceImage: null,
    })
  })

  test('takes a volume by id, CRN or name', async () => {
    for (const sourceVolume of [volume.id, volume.crn, 'db']) {
      expect((await cut({ sourceVolume })).sourceVolume?.id).toBe(volume.id)
    }
  })

  const malformed: readonly (readonly [string, string, CreateSnapshotRequest])[] = [
    ...malformedReferences.map(
      ([what, sourceVolume]) =>
        [`source_volume: ${what}`, 'source_volume', { sourceVolume }] as const,
    ),
    ...malformedNames.map(([what, name]) => [`name: ${what}`, 'name', { name }] as const),
    ...malformedTags.map(
      ([what, userTags]) => [`tags: ${what}`, 'user_tags', { userTags }] as const,
    ),
    ...malformedRequestIds.map(
      ([what, requestId]) => [`request_id: ${what}`, 'request_id', { requestId }] as const,
    ),
    ['resource_group: 65 characters', 'resource_group', { resourceGroup: 'a'.repeat(65) }],
    ['resource_group: a space', 'resource_group', { resourceGroup: 'a b' }],
    [
      'source_volume: a snapshot’s CRN',
      'source_volume',
      { sourceVolume: `crn:v1:ashlar:public:is:local:a/local::snapshot:${unknownId}` },
    ],
  ]
  test.each(malformed)('refuses %s', async (_what, field, request) => {
    expect(await refusal(cut(request))).toMatchObject(invalid(field))
    expect((await list()).totalCount).toBe(0)
  })

  test('refuses a volume that is not there', async () => {
    const { crn } = volume
    const unknown = [
      'nowhere',
      unknownId,
      crn.replace('local-1', 'local-2'),
      crn.replace('a/local', 'a/x'),
    ]
    for (const sourceVolume of unknown) {
      expect(await refusal(cut({ sourceVolume }))).toMatchObject(
        notFound('volume', 'source_volume'),
      )
    }
  })

  test('refuses a name that is taken, until it is free again', async () => {
    const { id } = await cut({ name: 'one' })
    expect(await refusal(cut({ name: 'one' }))).toMatchObject(nameTaken)
    await remove(id)
    expect((await cut({ name: 'one' })).id).not.toBe(id)
  })

  test('gives a name to one of those that ask at the same time', async () => {
    const asked = Array.from({ length: 8 }, () => cut({ name: 'one' }))
    const refused = (await Promise.allSettled(asked)).filter((one) => one.status === 'rejected')
    expect(refused).toHaveLength(7)
    for (const { reason } of refused) {
      expect(await refusal(Promise.reject(reason))).toMatchObject(nameTaken)
    }
    const zone = new ZoneApi(world.zoneEndpoint('local-1'))
    await world.until('the node has one cut', async () => (await zone.records()).cuts.length === 1)
    zone.close()
  })

  test('takes many of one volume at the same time', async () => {
    await write('write -P 0x11 0 4M')
    const made = await Promise.all(Array.from({ length: 10 }, () => cut()))
    const stable = await Promise.all(made.map(({ id }) => objects.stable(id)))
    expect(new Set(stable.map(({ root }) => root)).size).toBe(1)
    expect(new Set(stable.map(({ name }) => name)).size).toBe(10)
  })
})

describe('a repeated request_id', () => {
  test('gets the first answer, and makes no second snapshot', async () => {
    const request = { name: 'one', userTags: ['b', 'a'], requestId: newRequestId() }
    const [first, second] = await Promise.all([cut(request), cut(request)])
    expect(second).toEqual(first)
    await objects.stable('one')
    expect(await cut({ ...request, userTags: ['a', 'b'] })).toEqual(first)
    await remove('one')
    expect(await cut(request)).toEqual(first)
    expect((await list()).totalCount).toBe(0)
  })

  test.each<[string, CreateSnapshotRequest]>([
    ['name', { name: 'other' }],
    ['volume', { sourceVolume: unknownId }],
    ['tags', { userTags: ['x'] }],
    ['resource group', { resourceGroup: 'x' }],
  ])('with another %s is refused', async (_what, other) => {
    const requestId = newRequestId()
    await cut({ name: 'one', requestId })
    expect(await refusal(cut({ name: 'one', requestId, ...other }))).toMatchObject(idReused)
    expect((await list()).totalCount).toBe(1)
  })

  test('of an update and a delete gets their first answers', async () => {
    await cut({ name: 'one' })
    await objects.stable('one')
    const change = { snapshot: 'one', name: 'two', requestId: newRequestId() }
    const first = await update(['name'], change)
    expect(await update(['name'], change)).toEqual(first)
    expect(await refusal(update(['name'], { ...change, name: 'x' }))).toMatchObject(idReused)
    expect(await refusal(update(['name', 'user_tags'], change))).toMatchObject(idReused)

    const gone = { requestId: newRequestId() }
    expect(await remove('two', gone)).toEqual({ snapshot: null })
    await cut({ name: 'two' })
    expect(await remove('two', gone)).toEqual({ snapshot: null })
    expect((await list()).totalCount).toBe(1)
    expect(await refusal(cut({ name: 'x', ...gone }))).toMatchObject(idReused)
  })
})

describe('GetSnapshot', () => {
  test('finds it by id, CRN and name', async () => {
    const { id } = await cut({ name: 'one' })
    const snapshot = await objects.stable(id)
    for (const by of [id, snapshot.crn, 'one']) expect(await get(by)).toEqual(snapshot)
  })

  test('knows only what is here', async () => {
    const { crn } = await cut({ name: 'one' })
    const unknown = [
      'db',
      unknownId,
      volume.id,
      crn.replace(':local:', ':remote:'),
      crn.replace('a/local', 'a/other'),
      crn.replace(/[^:]*$/, unknownId),
    ]
    for (const snapshot of unknown) {
      expect(await refusal(get(snapshot)), snapshot).toMatchObject(notFound('snapshot'))
      expect(await refusal(remove(snapshot)), snapshot).toMatchObject(notFound('snapshot'))
      const change = update(['name'], { snapshot, name: 'x' })
      expect(await refusal(change), snapshot).toMatchObject(notFound('snapshot'))
    }
  })

  const volumeCrn = `crn:v1:ashlar:public:is:local-1:a/local::volume:${unknownId}`
  test.each([...malformedReferences, ['a volume’s CRN', volumeCrn] as const])(
    'refuses %s',
    async (_what, snapshot) => {
      expect(await refusal(get(snapshot))).toMatchObject(invalid('snapshot'))
      expect(await refusal(remove(snapshot))).toMatchObject(invalid('snapshot'))
      const change = update(['name'], { snapshot, name: 'x' })
      expect(await refusal(change)).toMatchObject(invalid('snapshot'))
    },
  )
})

describe('ListSnapshots', () => {
  test('pages newest first, each snapshot once, whatever comes and goes', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await cut({ name })
    const first = await list({ pageSize: 2 })
    expect([namesOf(first), first.totalCount]).toEqual([['e', 'd'], 5])
    await cut({ name: 'f' })
    await remove('d')
    await remove('c')
    const second = await list({ pageSize: 1, pageToken: first.nextPageToken })
    expect([namesOf(second), second.totalCount]).toEqual([['b'], 4])
    const third = await list({ pageSize: 1, pageToken: second.nextPageToken })
    expect([namesOf(third), third.nextPageToken]).toEqual([['a'], ''])
    expect(namesOf(await list({ pageSize: 2 ** 31 - 1 }))).toEqual(['f', 'e', 'b', 'a'])
  })

  test('filters, and combines filters with AND', async () => {
    const other = { name: 'other', zone: 'local-2', capacityBytes: String(MiB) }
    const { id, crn } = await client.volumes.createVolume(other)
    await cut({ name: 'a', userTags: ['x'], resourceGroup: 'g' })
    await cut({ name: 'b', userTags: ['x', 'y z'], sourceVolume: 'other' })
    await cut({ name: 'c', resourceGroup: 'g', sourceVolume: 'other' })
    for (const name of ['a', 'b', 'c']) await objects.stable(name)
    const cases: readonly (readonly [ListSnapshotsRequest, string[]])[] = [
      [{ name: 'b' }, ['b']],
      [{ sourceVolume: 'other' }, ['c', 'b']],
      [{ sourceVolume: id }, ['c', 'b']],
      [{ sourceVolume: crn }, ['c', 'b']],
      [{ sourceVolume: unknownId }, []],
      [{ sourceVolume: 'nowhere' }, []],
      [{ userTag: 'x' }, ['b', 'a']],
      [{ userTag: 'y z' }, ['b']],
      [{ resourceGroup: 'g' }, ['c', 'a']],
      [{ resourceGroup: 'g', sourceVolume: 'db' }, ['a']],
      [{ lifecycleState: 'LIFECYCLE_STATE_STABLE' }, ['c', 'b', 'a']],
      [{ lifecycleState: 'LIFECYCLE_STATE_STABLE', userTag: 'x', name: 'b' }, ['b']],
      [{ lifecycleState: 'LIFECYCLE_STATE_PENDING' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_FAILED' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_DELETING' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_SUSPENDED' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_UNUSABLE' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_UPDATING' }, []],
      [{ lifecycleState: 'LIFECYCLE_STATE_WAITING' }, []],
    ]
    const check = async () => {
      for (const [filter, names] of cases) {
        const page = await list(filter)
        expect([namesOf(page), page.totalCount], JSON.stringify(filter)).toEqual([
          names,
          names.length,
        ])
      }
    }
    await check()
    await client.volumes.deleteVolume({ volume: 'other' })
    // By its id and CRN it is still known.
    expect(namesOf(await list({ sourceVolume: id }))).toEqual(['c', 'b'])
    expect(namesOf(await list({ sourceVolume: crn }))).toEqual(['c', 'b'])
    expect(namesOf(await list({ sourceVolume: 'other' }))).toEqual([])
  })

  test('refuses a bad page and a bad filter', async () => {
    for (const name of ['a', 'b']) await cut({ name })
    const { nextPageToken } = await list({ pageSize: 1 })
    const cases: readonly (readonly [ListSnapshotsRequest, string])[] = [
      [{ pageSize: -1 }, 'page_size'],
      [{ pageToken: 'x' }, 'page_token'],
      [{ pageToken: nextPageToken, sourceVolume: 'db' }, 'page_token'],
      [{ name: 'x'.repeat(513) }, 'name'],
      [{ userTag: 'x'.repeat(513) }, 'user_tag'],
      [{ resourceGroup: 'x'.repeat(513) }, 'resource_group'],
      [{ sourceVolume: 'No Id' }, 'source_volume'],
      [{ lifecycleState: 99 as never }, 'lifecycle_state'],
    ]
    for (const [request, field] of cases) {
      expect(await refusal(list(request)), field).toMatchObject(invalid(field))
    }
    // A token of another list.
    await client.volumes.createVolume({ zone: 'local-1', capacityBytes: String(MiB) })
    expect(namesOf(await list({ pageToken: nextPageToken }))).toEqual(['a'])
  })
})

describe('UpdateSnapshot', () => {
  test('changes what the mask names, and moves the etag with it', async () => {
    await cut({ name: 'one', userTags: ['a'] })
    const before = await objects.stable('one')
    const named = await update(['name'], { snapshot: 'one', name: 'two', userTags: ['b'] })
    expect(named).toEqual({ ...before, name: 'two', etag: named.etag })
    const tagged = await update(['user_tags'], { snapshot: before.crn, userTags: ['c', 'b'] })
    expect(tagged).toMatchObject({ name: 'two', userTags: ['b', 'c'] })
    const same = await update(['name', 'user_tags'], {
      snapshot: 'two',
      name: 'two',
      userTags: ['b', 'c', 'c'],
    })
    expect(same).toEqual(tagged)
    const none = await update(['user_tags'], { snapshot: 'two', etag: tagged.etag })
    expect(none.userTags).toEqual([])
    expect(new Set([before.etag, named.etag, tagged.etag, none.etag]).size).toBe(4)
  })

  test('with the etag of before changes nothing', async () => {
    const { etag } = await cut({ name: 'one' })
    const { etag: now } = await update(['name'], { snapshot: 'one', name: 'two', etag })
    const stale = {
      status: 'ABORTED',
      reason: 'ETAG_MISMATCH',
      field: 'etag',
      metadata: { etag: now },
    }
    const change = { snapshot: 'two', name: 'three', etag }
    expect(await refusal(update(['name'], change))).toMatchObject(stale)
    expect(await refusal(remove('two', { etag }))).toMatchObject(stale)
    expect((await get('two')).etag).toBe(now)
    expect(await remove('two', { etag: now })).toEqual({ snapshot: null })
  })

  test('refuses masks, names and tags that are wrong', async () => {
    await cut({ name: 'one' })
    await cut({ name: 'two' })
    const change = { snapshot: 'one', name: 'three' }
    for (const paths of [[], ['capacity_bytes'], ['name', 'source_volume'], ['*'], ['Name']]) {
      expect(await refusal(update(paths, change))).toMatchObject(invalid('update_mask'))
    }
    const missing = client.snapshots.updateSnapshot(change)
    expect(await refusal(missing)).toMatchObject(invalid('update_mask'))
    for (const [what, name] of [...malformedNames, ['nothing', ''] as const]) {
      const call = update(['name'], { snapshot: 'one', name })
      expect(await refusal(call), what).toMatchObject(invalid('name'))
    }
    for (const [what, userTags] of malformedTags) {
      const call = update(['user_tags'], { snapshot: 'one', userTags })
      expect(await refusal(call), what).toMatchObject(invalid('user_tags'))
    }
    const taken = update(['name', 'user_tags'], { ...change, name: 'two', userTags: ['x'] })
    expect(await refusal(taken)).toMatchObject(nameTaken)
    expect(await get('one')).toMatchObject({ name: 'one', userTags: [] })
  })
})

describe('DeleteSnapshot', () => {
  test('leaves the others of the volume, and what was restored, as they are', async () => {
    await write('write -P 0x11 0 4M')
    await cut({ name: 'one' })
    await write('write -P 0x22 1M 1M')
    await cut({ name: 'two' })
    await write('write -P 0x33 2M 1M')
    await cut({ name: 'three' })
    for (const name of ['one', 'two', 'three']) await objects.stable(name)
    await client.volumes.createVolume({ name: 'near', zone: 'local-1', sourceSnapshot: 'two' })
    await client.volumes.createVolume({ name: 'far', zone: 'local-2', sourceSnapshot: 'two' })
    for (const name of ['two', 'one']) expect(await remove(name)).toEqual({ snapshot: null })

    await cut({ name: 'four' })
    await objects.stable('four')
    const first = 'write -P 0x11 0 4M'
    const second = 'write -P 0x22 1M 1M'
    await expectContent('three', first, second, 'write -P 0x33 2M 1M')
    await expectContent('four', first, second, 'write -P 0x33 2M 1M')
    for (const name of ['near', 'far']) {
      await cut({ sourceVolume: name, name: `of-${name}` })
      await objects.stable(`of-${name}`)
      await expectContent(`of-${name}`, first, second)
    }
    expect(namesOf(await list())).toEqual(['of-far', 'of-near', 'four', 'three'])
  })

  test('of one snapshot is done once, however many ask', async () => {
    await cut({ name: 'one' })
    const settled = await Promise.allSettled(Array.from({ length: 4 }, () => remove('one')))
    for (const each of settled) {
      if (each.status === 'fulfilled') continue
      expect(await refusal(Promise.reject(each.reason))).toMatchObject(notFound('snapshot'))
    }
    expect((await list()).totalCount).toBe(0)
  })
})
