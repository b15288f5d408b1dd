// ashlar.v1.VolumeService against real daemons: what each method answers, and every refusal it
// documents with its status, its reason and the field at fault.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import type { CreateVolumeRequest } from '../../src/gen/ashlar/v1/CreateVolumeRequest.js'
import type { ListVolumesRequest } from '../../src/gen/ashlar/v1/ListVolumesRequest.js'
import type { UpdateVolumeRequest } from '../../src/gen/ashlar/v1/UpdateVolumeRequest.js'
import {
  GiB,
  MiB,
  Objects,
  TiB,
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
beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '1GiB' })
  client = new Client(world.endpoint)
  objects = new Objects(client)
})
afterEach(async () => await objects.clear())
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const create = (request: CreateVolumeRequest = {}) =>
  client.volumes.createVolume({ zone: 'local-1', capacityBytes: String(MiB), ...request })
const get = (volume: string) => client.volumes.getVolume({ volume })
const list = (request: ListVolumesRequest = {}) => client.volumes.listVolumes(request)
const update = (paths: string[], request: UpdateVolumeRequest) =>
  client.volumes.updateVolume({ updateMask: { paths }, ...request })
const remove = (volume: string, more: { etag?: string; requestId?: string } = {}) =>
  client.volumes.deleteVolume({ volume, ...more })
const namesOf = (page: { readonly volumes: readonly { readonly name: string }[] }) =>
  page.volumes.map(({ name }) => name)

const attach = (volume: string, more: { host?: string } = {}) =>
  client.attachments.createAttachment({ volume, host: 'host-1', ...more })
/** Writes through NBD, and gives the volume back. */
async function write(volume: string, ...commands: readonly string[]): Promise<void> {
  const { id, nbdUnixUri } = await attach(volume)
  const steps = commands.flatMap((command) => ['-c', command])
  await must('qemu-io', ['-f', 'raw', ...steps, '-c', 'flush', nbdUnixUri])
  await client.attachments.deleteAttachment({ attachment: id })
}
/** Fails unless each range holds its byte. */
async function expectBytes(volume: string, ...ranges: readonly string[]): Promise<void> {
  const { id, nbdUnixUri } = await attach(volume)
  const steps = ranges.flatMap((range) => ['-c', `read -P ${range}`])
  const said = await must('qemu-io', ['-r', '-f', 'raw', ...steps, nbdUnixUri])
  expect(said).not.toContain('verification failed')
  await client.attachments.deleteAttachment({ attachment: id })
}

const system = {
  name: 'debian-12',
  vendor: 'Debian',
  version: '12',
  family: 'Debian GNU/Linux',
  architecture: 'amd64',
  displayName: 'Debian 12 (größer)',
}
const image = { id: 'image-1', crn: 'crn:v1:other:public:is:x:a/b::image:1', name: 'golden' }

// First, because a region opens its store once and for all: until it is there nothing can be stored,
// so that a snapshot stays pending for as long as a test wants.
describe('CreateVolume from a snapshot that is not stable', () => {
  beforeAll(() => writeFileSync(join(world.folder, 'region', 'store'), 'in the way'))
  afterAll(() => rmSync(join(world.folder, 'region', 'store')))
  const restore = (request: CreateVolumeRequest = {}) =>
    create({ sourceSnapshot: 'cut', capacityBytes: '0', ...request })

  test('works while it is pending, in its own zone alone', async () => {
    await create({ name: 'source', capacityBytes: String(2n * MiB), operatingSystem: system })
    await write('source', 'write -P 0x33 0 2M')
    const { id } = await client.snapshots.createSnapshot({ sourceVolume: 'source', name: 'cut' })
    expect(await refusal(restore({ zone: 'local-2' }))).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'SNAPSHOT_PENDING',
      field: 'source_snapshot',
      metadata: { snapshot: id, zone: 'local-1' },
    })
    const here = await restore({ name: 'here' })
    expect(here).toMatchObject({
      capacityBytes: String(2n * MiB),
      healthState: 'VOLUME_HEALTH_STATE_OK',
      hydration: { doneBytes: '2097152', totalBytes: '2097152', percent: 100 },
      sourceSnapshot: { id, name: 'cut', deleted: false, remoteRegion: '' },
      operatingSystem: system,
    })
    await expectBytes('here', '0x33 0 2M')
  })

  test('is refused when it has failed', async () => {
    await create({ name: 'source' })
    const { id } = await client.snapshots.createSnapshot({ sourceVolume: 'source', name: 'cut' })
    const zone = new ZoneApi(world.zoneEndpoint('local-1'))
    await zone.calls.dropCut({ snapshotId: id })
    zone.close()
    const hasFailed = async () =>
      (await client.snapshots.getSnapshot({ snapshot: id })).lifecycleState ===
      'LIFECYCLE_STATE_FAILED'
    await world.until('the snapshot without its cut has failed', hasFailed)
    for (const at of ['local-1', 'local-2']) {
      expect(await refusal(restore({ zone: at }))).toMatchObject({
        status: 'FAILED_PRECONDITION',
        reason: 'SNAPSHOT_FAILED',
        field: 'source_snapshot',
        metadata: { snapshot: id },
      })
    }
  })
})

describe('CreateVolume', () => {
  test('answers an empty volume that is there', async () => {
    const volume = await create({ name: 'db' })
    expect(volume).toEqual({
      id: expect.stringMatching(/^r001-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      crn: `crn:v1:ashlar:public:is:local-1:a/local::volume:${volume.id}`,
      name: 'db',
      etag: expect.stringMatching(/^"[^"]+"$/),
      zone: 'local-1',
      status: 'VOLUME_STATUS_AVAILABLE',
      statusReasons: [],
      healthState: 'VOLUME_HEALTH_STATE_OK',
      healthReasons: [],
      attachmentState: 'VOLUME_ATTACHMENT_STATE_UNATTACHED',
      capacityBytes: '1048576',
      sourceSnapshot: null,
      hydration: null,
      attachmentIds: [],
      userTags: [],
      resourceGroup: 'default',
      createdAt: { seconds: expect.stringMatching(/^\d+$/), nanos: expect.any(Number) },
      operatingSystem: null,
      sourceImage: null,
    })
    expect(await get(volume.id)).toEqual(volume)
    await expectBytes('db', '0 0 1M')
  })

  test('picks a name when none is given', async () => {
    const [one, two] = await Promise.all([create(), create()])
    expect(one?.name).toMatch(/^[a-z]+(-[a-z]+){3}$/)
    expect(two?.name).not.toBe(one?.name)
  })

  test('keeps what it does not look at', async () => {
    const userTags = ['b', 'env:prod', 'a b.c_d-e', 'b', 'x'.repeat(128)]
    const more = { resourceGroup: 'team_a-1', operatingSystem: system, sourceImage: image }
    const volume = await create({ userTags, ...more })
    expect(volume).toMatchObject(more)
    expect(new Set(volume.userTags)).toEqual(new Set(userTags))
    expect(volume.userTags).toHaveLength(4)
  })

  test.each([
    ['1 MiB', MiB],
    ['1 MiB and a block', MiB + 4096n],
    ['64 TiB', 64n * TiB],
  ])('takes a capacity of %s, and the device has it', async (_what, bytes) => {
    const volume = await create({ capacityBytes: String(bytes) })
    expect(volume.capacityBytes).toBe(String(bytes))
    const { nbdUnixUri, deviceBytes } = await attach(volume.id)
    expect(deviceBytes).toBe(String(bytes))
    expect((await must('nbdinfo', ['--size', nbdUnixUri])).trim()).toBe(String(bytes))
  })

  test.each([
    ['none', 0n],
    ['a negative one', -1n],
    ['one block', 4096n],
    ['a block less than 1 MiB', MiB - 4096n],
    ['a byte more than 1 MiB', MiB + 1n],
    ['a sector more than 1 MiB', MiB + 512n],
    ['a block more than 64 TiB', 64n * TiB + 4096n],
    ['the largest number', (1n << 63n) - 1n],
    ['the smallest number', -(1n << 63n)],
  ])('refuses a capacity of %s', async (_what, bytes) => {
    const call = create({ capacityBytes: String(bytes) })
    expect(await refusal(call)).toMatchObject(invalid('capacity_bytes'))
  })

  const malformed: readonly (readonly [string, string, CreateVolumeRequest])[] = [
    ...malformedNames.map(([what, name]) => [`name: ${what}`, 'name', { name }] as const),
    ...malformedTags.map(
      ([what, userTags]) => [`tags: ${what}`, 'user_tags', { userTags }] as const,
    ),
    ...malformedRequestIds.map(
      ([what, requestId]) => [`request_id: ${what}`, 'request_id', { requestId }] as const,
    ),
    ...malformedReferences
      .filter(([, sourceSnapshot]) => sourceSnapshot !== '')
      .map(
        ([what, sourceSnapshot]) =>
          [`source_snapshot: ${what}`, 'source_snapshot', { sourceSnapshot }] as const,
      ),
    [
      'source_snapshot: a volume’s CRN',
      'source_snapshot',
      { sourceSnapshot: `crn:v1:ashlar:public:is:local-1:a/local::volume:${unknownId}` },
    ],
    ['zone: nothing', 'zone', { zone: '' }],
    ['zone: upper case', 'zone', { zone: 'Local-1' }],
    ['zone: too long', 'zone', { zone: 'a'.repeat(64) }],
    ['resource_group: 65 characters', 'resource_group', { resourceGroup: 'a'.repeat(65) }],
    ['resource_group: upper case', 'resource_group', { resourceGroup: 'Team' }],
    ...Object.keys(system).map((key) => {
      const field = `operating_system.${key === 'displayName' ? 'display_name' : key}`
      const operatingSystem = { ...system, [key]: 'x'.repeat(129) }
      return [`${field}: 129 bytes`, field, { operatingSystem }] as const
    }),
    [
      'operating_system.name: 65 letters of two bytes',
      'operating_system.name',
      { operatingSystem: { ...system, name: 'ä'.repeat(65) } },
    ],
    ['source_image.id: 65 bytes', 'source_image.id', { sourceImage: { id: 'x'.repeat(65) } }],
    ['source_image.crn: 513 bytes', 'source_image.crn', { sourceImage: { crn: 'x'.repeat(513) } }],
    [
      'source_image.name: 129 bytes',
      'source_image.name',
      { sourceImage: { name: 'x'.repeat(129) } },
    ],
  ]
  test.each(malformed)('refuses %s', async (_what, field, request) => {
    expect(await refusal(create(request))).toMatchObject(invalid(field))
  })

  test('leaves nothing behind that it refused', async () => {
    for (const [, , request] of malformed) await refusal(create(request))
    expect(await list()).toEqual({ volumes: [], nextPageToken: '', totalCount: 0 })
  })

  test('refuses an unknown zone and an unknown snapshot', async () => {
    expect(await refusal(create({ zone: 'local-9' }))).toMatchObject({
      ...notFound('zone'),
      metadata: { zone: 'local-9' },
    })
    const crn = `crn:v1:ashlar:public:is:local:a/local::snapshot:${unknownId}`
    for (const sourceSnapshot of ['nowhere', unknownId, crn, crn.replace('a/local', 'a/other')]) {
      const refused = notFound('snapshot', 'source_snapshot')
      expect(await refusal(create({ sourceSnapshot }))).toMatchObject(refused)
    }
  })

  test('refuses a name that is taken, in any zone, until it is free again', async () => {
    const { id } = await create({ name: 'db' })
    expect(await refusal(create({ name: 'db' }))).toMatchObject(nameTaken)
    expect(await refusal(create({ name: 'db', zone: 'local-2' }))).toMatchObject(nameTaken)
    await remove(id)
    expect((await create({ name: 'db' })).id).not.toBe(id)
  })

  test('gives a name to one of those that ask at the same time', async () => {
    const asked = Array.from({ length: 8 }, () => create({ name: 'db' }))
    const refused = (await Promise.allSettled(asked)).filter((one) => one.status === 'rejected')
    expect(refused).toHaveLength(7)
    for (const { reason } of refused) {
      expect(await refusal(Promise.reject(reason))).toMatchObject(nameTaken)
    }
    expect((await list()).totalCount).toBe(1)
  })
})

describe('CreateVolume from a stable snapshot', () => {
  /** Takes one of a volume of 4 MiB. */
  async function source(): Promise<string> {
    const bytes = String(4n * MiB)
    await create({ name: 'source', capacityBytes: bytes, operatingSystem: system })
    await write('source', 'write -P 0x11 0 1M', 'write -P 0x22 3M 1M')
    const { id } = await client.snapshots.createSnapshot({ sourceVolume: 'source', name: 'cut' })
    await objects.stable(id)
    return id
  }
  const restore = (request: CreateVolumeRequest = {}) =>
    create({ sourceSnapshot: 'cut', capacityBytes: '0', ...request })

  test('in another zone can be used at once, and becomes whole', async () => {
    const id = await source()
    const far = await restore({ name: 'far', zone: 'local-2', capacityBytes: String(8n * MiB) })
    expect(far).toMatchObject({
      zone: 'local-2',
      status: 'VOLUME_STATUS_AVAILABLE',
      capacityBytes: String(8n * MiB),
      sourceSnapshot: { id, name: 'cut' },
      operatingSystem: system,
    })
    await expectBytes('far', '0x11 0 1M', '0 1M 2M', '0x22 3M 1M', '0 4M 4M')
    const isWhole = async () => (await get('far')).healthState === 'VOLUME_HEALTH_STATE_OK'
    await world.until('it is hydrated', isWhole)
    expect(await get('far')).toMatchObject({ hydration: { percent: 100 }, healthReasons: [] })
  })

  test('takes its own labels where it gives any', async () => {
    await source()
    const own = { operatingSystem: { ...system, version: '13' }, sourceImage: image }
    expect(await restore(own)).toMatchObject(own)
  })

  test('needs at least the capacity of the snapshot', async () => {
    await source()
    const short = restore({ capacityBytes: String(4n * MiB - 4096n) })
    expect(await refusal(short)).toMatchObject({
      status: 'INVALID_ARGUMENT',
      reason: 'VOLUME_CAPACITY_BELOW_MINIMUM',
      field: 'capacity_bytes',
      metadata: { minimum: String(4n * MiB) },
    })
  })

  test('does not depend on what becomes of the snapshot, or of its volume', async () => {
    await source()
    const near = await restore({ name: 'near' })
    const far = await restore({ name: 'far', zone: 'local-2' })
    await client.snapshots.updateSnapshot({
      snapshot: 'cut',
      updateMask: { paths: ['name'] },
      name: 'last',
    })
    await client.snapshots.deleteSnapshot({ snapshot: 'last' })
    await remove('source')
    for (const { id } of [near, far]) {
      expect((await get(id)).sourceSnapshot).toMatchObject({ name: 'last', deleted: true })
      await expectBytes(id, '0x11 0 1M', '0x22 3M 1M')
    }
    expect(await refusal(restore())).toMatchObject(notFound('snapshot', 'source_snapshot'))
  })
})

describe('a repeated request_id', () => {
  test('gets the first answer, and makes no second volume', async () => {
    const requestId = newRequestId()
    const request = { name: 'db', userTags: ['b', 'a'], operatingSystem: system, requestId }
    const first = await create(request)
    expect(await create(request)).toEqual(first)
    // The same, spelled otherwise.
    const spelled = { requestId: requestId.toUpperCase(), userTags: ['a', 'b', 'b'] }
    expect(await create({ ...request, ...spelled })).toEqual(first)
    await update(['name', 'capacity_bytes'], {
      volume: first.id,
      name: 'new',
      capacityBytes: String(2n * MiB),
    })
    expect(await create(request)).toEqual(first)
    await remove(first.id)
    expect(await create(request)).toEqual(first)
    expect((await list()).totalCount).toBe(0)
  })

  test('while the first is under way gets the same answer', async () => {
    const request = { requestId: newRequestId() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => create(request)))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect((await list()).totalCount).toBe(1)
  })

  test.each<[string, CreateVolumeRequest]>([
    ['name', { name: 'other' }],
    ['zone', { zone: 'local-2' }],
    ['capacity', { capacityBytes: String(2n * MiB) }],
    ['tags', { userTags: ['x'] }],
    ['resource group', { resourceGroup: 'x' }],
    ['operating system', { operatingSystem: system }],
    ['image', { sourceImage: image }],
  ])('with another %s is refused', async (_what, other) => {
    const requestId = newRequestId()
    await create({ name: 'db', requestId })
    expect(await refusal(create({ name: 'db', requestId, ...other }))).toMatchObject(idReused)
    expect((await list()).totalCount).toBe(1)
  })

  test('for another method is refused', async () => {
    const requestId = newRequestId()
    await create({ name: 'db', requestId })
    expect(await refusal(remove('db', { requestId }))).toMatchObject(idReused)
    const change = { volume: 'db', name: 'x', requestId }
    expect(await refusal(update(['name'], change))).toMatchObject(idReused)
    expect(namesOf(await list())).toEqual(['db'])
  })

  test('of a refused call begins anew', async () => {
    const request = { name: 'db', requestId: newRequestId() }
    const before = await create({ name: 'db' })
    expect(await refusal(create(request))).toMatchObject(nameTaken)
    await remove(before.id)
    expect((await create(request)).name).toBe('db')
  })

  test('of an update and a delete gets their first answers', async () => {
    await create({ name: 'db' })
    const change = { volume: 'db', capacityBytes: String(2n * MiB), requestId: newRequestId() }
    const grown = await update(['capacity_bytes'], change)
    await update(['capacity_bytes'], { volume: 'db', capacityBytes: String(3n * MiB) })
    expect(await update(['capacity_bytes'], change)).toEqual(grown)
    expect((await get('db')).capacityBytes).toBe(String(3n * MiB))
    const other = update(['capacity_bytes'], { ...change, capacityBytes: String(4n * MiB) })
    expect(await refusal(other)).toMatchObject(idReused)

    const gone = { requestId: newRequestId() }
    expect(await remove('db', gone)).toEqual({ volume: null })
    expect(await remove('db', gone)).toEqual({ volume: null })
    // Another volume of the name is not meant.
    await create({ name: 'db' })
    expect(await remove('db', gone)).toEqual({ volume: null })
    expect((await list()).totalCount).toBe(1)
  })
})

describe('GetVolume', () => {
  test('finds it by id, CRN and name', async () => {
    const volume = await create({ name: 'db' })
    for (const by of [volume.id, volume.crn, 'db']) expect(await get(by)).toEqual(volume)
  })

  test('knows only what is here', async () => {
    const { crn } = await create({ name: 'db' })
    const unknown = [
      'nowhere',
      unknownId,
      unknownId.replace('r001', 'r002'),
      crn.replace('local-1', 'local-2'),
      crn.replace('a/local', 'a/other'),
      crn.replace(/[^:]*$/, unknownId),
    ]
    for (const volume of unknown) {
      expect(await refusal(get(volume)), volume).toMatchObject(notFound('volume'))
    }
  })

  const snapshotCrn = `crn:v1:ashlar:public:is:local:a/local::snapshot:${unknownId}`
  test.each([...malformedReferences, ['a snapshot’s CRN', snapshotCrn] as const])(
    'refuses %s',
    async (_what, volume) => {
      expect(await refusal(get(volume))).toMatchObject(invalid('volume'))
      expect(await refusal(remove(volume))).toMatchObject(invalid('volume'))
      expect(await refusal(update(['name'], { volume, name: 'x' }))).toMatchObject(
        invalid('volume'),
      )
    },
  )
})

describe('ListVolumes', () => {
  test('pages newest first, each volume once', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create({ name })
    const pages = []
    let pageToken = ''
    do {
      const page = await list({ pageSize: 2, pageToken })
      expect(page.totalCount).toBe(5)
      pages.push(namesOf(page))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(pages).toEqual([['e', 'd'], ['c', 'b'], ['a']])
  })

  test('neither repeats nor hides a volume when others come and go in between', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await create({ name })
    const first = await list({ pageSize: 2 })
    await create({ name: 'e' })
    await remove('d')
    await remove('c')
    const second = await list({ pageSize: 2, pageToken: first.nextPageToken })
    expect([namesOf(first), namesOf(second)]).toEqual([
      ['d', 'c'],
      ['b', 'a'],
    ])
    expect(second.nextPageToken).toBe('')
  })

  test('has pages of 50 unless asked otherwise, and of 1,000 at most', async () => {
    await Promise.all(Array.from({ length: 51 }, () => create()))
    expect((await list()).volumes).toHaveLength(50)
    expect((await list({ pageSize: 51 })).nextPageToken).toBe('')
    expect((await list({ pageSize: 2 ** 31 - 1 })).volumes).toHaveLength(51)
  })

  test('ends a page early rather than pass what a caller takes', async () => {
    // 1,000 tags of 128 characters: 40 such volumes are more than 4 MiB.
    const tags = Array.from({ length: 1000 }, (_, at) => `${at}-`.padEnd(128, 'x'))
    for (let at = 0; at < 40; at++) await create({ userTags: tags, resourceGroup: 'big' })
    const seen = new Set<string>()
    let pages = 0
    let pageToken = ''
    do {
      const page = await list({ pageSize: 1000, pageToken })
      for (const { id, userTags } of page.volumes) {
        expect(userTags).toHaveLength(1000)
        seen.add(id)
      }
      pages++
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    expect(seen.size).toBe(40)
    expect(pages).toBeGreaterThan(1)
  })

  test('filters, and combines filters with AND', async () => {
    await create({ name: 'a', userTags: ['x'], resourceGroup: 'g' })
    await create({ name: 'b', userTags: ['x', 'y z'], zone: 'local-2' })
    await create({ name: 'c', resourceGroup: 'g', zone: 'local-2' })
    await attach('a')
    const cases: readonly (readonly [ListVolumesRequest, string[]])[] = [
      [{ name: 'b' }, ['b']],
      [{ zone: 'local-2' }, ['c', 'b']],
      [{ userTag: 'x' }, ['b', 'a']],
      [{ userTag: 'y z' }, ['b']],
      [{ resourceGroup: 'g' }, ['c', 'a']],
      [{ resourceGroup: 'default' }, ['b']],
      [{ attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED' }, ['a']],
      [{ attachmentState: 'VOLUME_ATTACHMENT_STATE_UNATTACHED' }, ['c', 'b']],
      [{ attachmentState: 'VOLUME_ATTACHMENT_STATE_UNUSABLE' }, []],
      [{ zone: 'local-2', userTag: 'x' }, ['b']],
      [{ zone: 'local-1', userTag: 'y z' }, []],
      [{ zone: 'nowhere' }, []],
      [{ name: 'Not A Name' }, []],
      [{ userTag: "x' or 1=1 --" }, []],
      [{ userTag: '%' }, []],
      [{ sourceSnapshot: unknownId }, []],
    ]
    for (const [filter, names] of cases) {
      const page = await list(filter)
      expect([namesOf(page), page.totalCount], JSON.stringify(filter)).toEqual([
        names,
        names.length,
      ])
    }
  })

  test('filters by a snapshot, also when that is gone', async () => {
    await create({ name: 'source' })
    const snapshot = await client.snapshots.createSnapshot({ sourceVolume: 'source' })
    await objects.stable(snapshot.id)
    await create({ name: 'one', sourceSnapshot: snapshot.id })
    await client.snapshots.deleteSnapshot({ snapshot: snapshot.id })
    for (const sourceSnapshot of [snapshot.id, snapshot.crn]) {
      expect(namesOf(await list({ sourceSnapshot }))).toEqual(['one'])
    }
    const byName = list({ sourceSnapshot: snapshot.name })
    expect(await refusal(byName)).toMatchObject(invalid('source_snapshot'))
  })

  test('refuses a bad page and a bad filter', async () => {
    for (const name of ['a', 'b', 'c']) await create({ name })
    const { nextPageToken } = await list({ pageSize: 1 })
    const cases: readonly (readonly [ListVolumesRequest, string])[] = [
      [{ pageSize: -1 }, 'page_size'],
      [{ pageToken: 'x' }, 'page_token'],
      [{ pageToken: nextPageToken.slice(1) }, 'page_token'],
      [{ pageToken: 'y'.repeat(100_000) }, 'page_token'],
      [{ pageToken: Buffer.from('-1 0123456789abcdef').toString('base64url') }, 'page_token'],
      [{ pageToken: nextPageToken, zone: 'local-1' }, 'page_token'],
      [{ name: 'x'.repeat(513) }, 'name'],
      [{ zone: 'x'.repeat(513) }, 'zone'],
      [{ userTag: 'x'.repeat(513) }, 'user_tag'],
      [{ resourceGroup: 'x'.repeat(513) }, 'resource_group'],
      [{ sourceSnapshot: 'No Id' }, 'source_snapshot'],
      [{ attachmentState: 99 as never }, 'attachment_state'],
    ]
    for (const [request, field] of cases) {
      const shown = JSON.stringify(request).slice(0, 100)
      expect(await refusal(list(request)), shown).toMatchObject(invalid(field))
    }
    expect(namesOf(await list({ pageToken: nextPageToken }))).toEqual(['b', 'a'])
  })
})

describe('UpdateVolume', () => {
  test('changes what the mask names, and nothing else', async () => {
    const before = await create({ name: 'db', userTags: ['a'] })
    const more = { name: 'new', userTags: ['b', 'c'], capacityBytes: String(2n * MiB) }
    const named = await update(['name'], { volume: 'db', ...more })
    expect(named).toEqual({
      ...before,
      name: 'new',
      etag: expect.not.stringContaining(before.etag),
    })
    const tagged = await update(['user_tags'], { volume: 'new', ...more, name: 'no' })
    expect(tagged).toMatchObject({ name: 'new', userTags: ['b', 'c'], capacityBytes: '1048576' })
    const grown = await update(['capacity_bytes'], { volume: before.crn, ...more, userTags: [] })
    expect(grown).toMatchObject({ name: 'new', userTags: ['b', 'c'], capacityBytes: '2097152' })
    const all = ['name', 'user_tags', 'capacity_bytes', 'name']
    const last = { name: 'all', userTags: [], capacityBytes: String(3n * MiB) }
    expect(await update(all, { volume: before.id, ...last })).toMatchObject(last)
    expect(await refusal(get('db'))).toMatchObject(notFound('volume'))
  })

  test('moves the etag with name and tags, and never otherwise', async () => {
    const { etag: first } = await create({ name: 'db' })
    await update(['capacity_bytes'], { volume: 'db', capacityBytes: String(2n * MiB) })
    await attach('db')
    await client.snapshots.createSnapshot({ sourceVolume: 'db' })
    expect((await get('db')).etag).toBe(first)
    // What is the same afterwards has not changed.
    await update(['name', 'user_tags'], { volume: 'db', name: 'db', userTags: [] })
    expect((await get('db')).etag).toBe(first)
    const { etag: second } = await update(['user_tags'], { volume: 'db', userTags: ['x'] })
    const { etag: third } = await update(['name'], { volume: 'db', name: 'new' })
    expect(new Set([first, second, third]).size).toBe(3)
  })

  test('with the etag of before changes nothing', async () => {
    const { etag } = await create({ name: 'db' })
    const { etag: now } = await update(['name'], { volume: 'db', name: 'new', etag })
    const stale = {
      status: 'ABORTED',
      reason: 'ETAG_MISMATCH',
      field: 'etag',
      metadata: { etag: now },
    }
    for (const old of [etag, 'x', `W/${now}`, ` ${now}`]) {
      const change = { volume: 'new', name: 'late', capacityBytes: String(2n * MiB), etag: old }
      expect(await refusal(update(['name', 'capacity_bytes'], change))).toMatchObject(stale)
      expect(await refusal(remove('new', { etag: old }))).toMatchObject(stale)
    }
    expect(await get('new')).toMatchObject({ etag: now, capacityBytes: '1048576' })
    await remove('new', { etag: now })
  })

  test.each([
    ['long', 'x'.repeat(1_000_000)],
    ['long and not ASCII', '語'.repeat(300_000)],
    ['made of pairs', '😀'.repeat(300_000)],
    ['made of pairs, shifted by one', `x${'😀'.repeat(300_000)}`],
    ['made of line breaks', '\n'.repeat(100_000)],
  ])('refuses an etag that is %s, and answers still', async (_what, etag) => {
    await create({ name: 'db' })
    const refused = await refusal(update(['name'], { volume: 'db', name: 'new', etag }))
    expect(refused).toMatchObject({ status: 'ABORTED', reason: 'ETAG_MISMATCH' })
    expect((await get('db')).name).toBe('db')
  })

  test('refuses a mask that is missing, empty, or names what is not there', async () => {
    const { id } = await create({ name: 'db' })
    const change = { volume: 'db', name: 'new' }
    const masks = [[], ['names'], ['name', 'zone'], ['*'], [''], ['userTags'], ['name.x'], ['id']]
    const long = ['x'.repeat(100_000)]
    for (const paths of [...masks, long]) {
      expect(await refusal(update(paths, change))).toMatchObject(invalid('update_mask'))
    }
    const missing = client.volumes.updateVolume(change)
    expect(await refusal(missing)).toMatchObject(invalid('update_mask'))
    expect((await get(id)).name).toBe('db')
  })

  test('refuses the malformed values that creating refuses', async () => {
    await create({ name: 'db' })
    for (const [what, name] of [...malformedNames, ['nothing', ''] as const]) {
      const call = update(['name'], { volume: 'db', name })
      expect(await refusal(call), what).toMatchObject(invalid('name'))
    }
    for (const [what, userTags] of malformedTags) {
      const call = update(['user_tags'], { volume: 'db', userTags })
      expect(await refusal(call), what).toMatchObject(invalid('user_tags'))
    }
    for (const [what, requestId] of malformedRequestIds) {
      const call = update(['name'], { volume: 'db', name: 'x', requestId })
      expect(await refusal(call), what).toMatchObject(invalid('request_id'))
    }
    for (const bytes of [0n, -4096n, 2n * MiB + 1n, 64n * TiB + 4096n]) {
      const call = update(['capacity_bytes'], { volume: 'db', capacityBytes: String(bytes) })
      expect(await refusal(call), String(bytes)).toMatchObject(invalid('capacity_bytes'))
    }
  })

  test('refuses a name that another volume has', async () => {
    await create({ name: 'a' })
    await create({ name: 'b' })
    const change = { volume: 'b', name: 'a', userTags: ['x'] }
    expect(await refusal(update(['name', 'user_tags'], change))).toMatchObject(nameTaken)
    expect((await get('b')).userTags).toEqual([])
  })

  test('of what is not there is refused', async () => {
    const change = { volume: unknownId, name: 'x' }
    expect(await refusal(update(['name'], change))).toMatchObject(notFound('volume'))
  })

  test('grows under a host, for connections made later, and never shrinks', async () => {
    await create({ name: 'db' })
    await write('db', 'write -P 0x77 0 1M')
    const { nbdUnixUri, id } = await attach('db')
    const grown = await update(['capacity_bytes'], { volume: 'db', capacityBytes: String(GiB) })
    expect(grown).toMatchObject({
      capacityBytes: String(GiB),
      status: 'VOLUME_STATUS_AVAILABLE',
      attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
    })
    const { deviceBytes } = await client.attachments.getAttachment({ attachment: id })
    expect(deviceBytes).toBe(String(GiB))
    expect((await must('nbdinfo', ['--size', nbdUnixUri])).trim()).toBe(String(GiB))
    const ends = ['-c', 'read -P 0x77 0 1M', '-c', 'read -P 0 1023M 1M']
    expect(await must('qemu-io', ['-r', '-f', 'raw', ...ends, nbdUnixUri])).not.toContain('failed')
    // Its own size is no change.
    await update(['capacity_bytes'], { volume: 'db', capacityBytes: String(GiB) })
    const smaller = { volume: 'db', name: 'new', capacityBytes: String(GiB - 4096n) }
    expect(await refusal(update(['name', 'capacity_bytes'], smaller))).toMatchObject({
      status: 'INVALID_ARGUMENT',
      reason: 'VOLUME_CAPACITY_SHRINK',
      field: 'capacity_bytes',
    })
    expect(await get('db')).toMatchObject({ name: 'db', capacityBytes: String(GiB) })
  })

  test('reaches the largest size by steps, with what was written', async () => {
    await create({ name: 'db' })
    await write('db', 'write -P 0x77 512k 512k')
    for (const bytes of [MiB + 4096n, 257n * MiB, 65n * GiB, 17n * TiB, 64n * TiB]) {
      await update(['capacity_bytes'], { volume: 'db', capacityBytes: String(bytes) })
    }
    await write('db', `write -P 0x66 ${64n * TiB - MiB} 1M`)
    await expectBytes('db', '0x77 512k 512k', '0 1M 1M', `0x66 ${64n * TiB - MiB} 1M`)
  })
})

describe('DeleteVolume', () => {
  test('makes it unknown, and its name free', async () => {
    const { id, crn } = await create({ name: 'db' })
    expect(await remove('db')).toEqual({ volume: null })
    for (const by of [id, crn, 'db']) {
      expect(await refusal(get(by))).toMatchObject(notFound('volume'))
      expect(await refusal(remove(by))).toMatchObject(notFound('volume'))
    }
    await create({ name: 'db' })
  })

  test('is refused while a host has it', async () => {
    await create({ name: 'db' })
    const { id } = await attach('db', { host: 'web-1' })
    expect(await refusal(remove('db'))).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'VOLUME_IN_USE',
      field: 'volume',
      metadata: { attachment: id, host: 'web-1' },
    })
    expect(await get('db')).toMatchObject({
      status: 'VOLUME_STATUS_AVAILABLE',
      attachmentIds: [id],
    })
    await client.attachments.deleteAttachment({ attachment: id })
    expect(await remove('db')).toEqual({ volume: null })
  })

  test('of one volume is done once, however many ask', async () => {
    await create({ name: 'db' })
    const settled = await Promise.allSettled(Array.from({ length: 4 }, () => remove('db')))
    expect(settled.filter(({ status }) => status === 'fulfilled')).not.toEqual([])
    for (const one of settled) {
      if (one.status === 'fulfilled') continue
      expect(await refusal(Promise.reject(one.reason))).toMatchObject(notFound('volume'))
    }
    expect((await list()).totalCount).toBe(0)
  })

  test('leaves its snapshots, which keep its last name', async () => {
    const { id } = await create({ name: 'db' })
    await write('db', 'write -P 0x44 0 1M')
    const snapshot = await client.snapshots.createSnapshot({ sourceVolume: 'db', name: 'kept' })
    await update(['name'], { volume: 'db', name: 'last' })
    await remove(id)
    await objects.stable(snapshot.id)
    const kept = await client.snapshots.getSnapshot({ snapshot: 'kept' })
    expect(kept.sourceVolume).toMatchObject({ id, name: 'last', deleted: true, remoteRegion: '' })
    await create({ name: 'back', sourceSnapshot: 'kept', zone: 'local-2' })
    await expectBytes('back', '0x44 0 1M')
  })
})
