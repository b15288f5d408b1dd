// ashlar.v1.AttachmentService against real daemons: what each method answers and refuses, and that
// the NBD server does as it says.

import { spawn } from 'node:child_process'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import type { Attachment__Output as Attachment } from '../../src/gen/ashlar/v1/Attachment.js'
import type { CreateAttachmentRequest } from '../../src/gen/ashlar/v1/CreateAttachmentRequest.js'
import type { ListAttachmentsRequest } from '../../src/gen/ashlar/v1/ListAttachmentsRequest.js'
import type { Volume__Output as Volume } from '../../src/gen/ashlar/v1/Volume.js'
import {
  MiB,
  Objects,
  ZoneApi,
  idReused,
  invalid,
  malformedReferences,
  malformedRequestIds,
  newRequestId,
  notFound,
  refusal,
  unknownId,
} from '../support/api.js'
import { freePort, must, run } from '../support/tools.js'
import { World } from '../support/world.js'

let world: World
let client: Client
let objects: Objects
let port: number
beforeAll(async () => {
  port = await freePort()
  const zones = ['local-1', 'local-2']
  world = await World.start({ zones, poolCapacity: '256MiB', nbdTcp: { 'local-2': port } })
  client = new Client(world.endpoint)
  objects = new Objects(client)
})
let volume: Volume
beforeEach(async () => {
  volume = await createVolume('db')
})
afterEach(async () => await objects.clear())
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const createVolume = (name: string, zone = 'local-1') =>
  client.volumes.createVolume({ name, zone, capacityBytes: String(4n * MiB) })
const attach = (request: CreateAttachmentRequest = {}) =>
  client.attachments.createAttachment({ volume: 'db', host: 'web-1', ...request })
const get = (attachment: string) => client.attachments.getAttachment({ attachment })
const list = (request: ListAttachmentsRequest = {}) => client.attachments.listAttachments(request)
const detach = (attachment: string, more: { requestId?: string } = {}) =>
  client.attachments.deleteAttachment({ attachment, ...more })
const hostsOf = (page: { readonly attachments: readonly Attachment[] }) =>
  page.attachments.map(({ host }) => host)

const io = (uri: string, ...commands: readonly string[]) =>
  run('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri])

describe('CreateAttachment', () => {
  test('answers an export that is there', async () => {
    const attachment = await attach()
    expect(attachment).toEqual({
      id: expect.stringMatching(/^r001-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      volume: { id: volume.id, crn: volume.crn, name: 'db', deleted: false, remoteRegion: '' },
      zone: 'local-1',
      host: 'web-1',
      readOnly: false,
      lifecycleState: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED',
      nbdUnixUri: `nbd+unix:///${attachment.id}?socket=${world.folder}/local-1.nbd`,
      nbdTcpUri: '',
      deviceBytes: String(4n * MiB),
      connections: 0,
      createdAt: { seconds: expect.stringMatching(/^\d+$/), nanos: expect.any(Number) },
    })
    expect(await get(attachment.id)).toEqual(attachment)
    expect(await client.volumes.getVolume({ volume: 'db' })).toEqual({
      ...volume,
      attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
      attachmentIds: [attachment.id],
    })
    const wrote = await io(
      attachment.nbdUnixUri,
      'write -P 0x5a 0 4M',
      'flush',
      'read -P 0x5a 0 4M',
    )
    expect(wrote).toMatchObject({ code: 0, stderr: '' })
  })

  test('takes a volume by id, CRN or name, and answers its host what it has', async () => {
    const first = await attach()
    for (const by of [volume.id, volume.crn, 'db'])
      expect(await attach({ volume: by })).toEqual(first)
    expect((await list()).totalCount).toBe(1)
  })

  test('gives a volume to one host at a time', async () => {
    const { id } = await attach()
    const taken = {
      status: 'FAILED_PRECONDITION',
      reason: 'VOLUME_ATTACHED',
      field: 'volume',
      metadata: { attachment: id, host: 'web-1' },
    }
    expect(await refusal(attach({ host: 'web-2' }))).toMatchObject(taken)
    expect(await refusal(attach({ host: 'WEB-1' }))).toMatchObject(taken)
    // The same host in another mode.
    expect(await refusal(attach({ readOnly: true }))).toMatchObject(taken)
    await detach(id)
    expect((await attach({ host: 'web-2', readOnly: true })).id).not.toBe(id)
  })

  test('gives it to one of the hosts that ask at the same time', async () => {
    const hosts = Array.from({ length: 8 }, (_, at) => `web-${at}`)
    const settled = await Promise.allSettled(hosts.map((host) => attach({ host })))
    const refused = settled.filter(({ status }) => status === 'rejected')
    expect(refused).toHaveLength(7)
    expect((await list()).totalCount).toBe(1)
  })

  test('read-only refuses to write', async () => {
    const { id, nbdUnixUri } = await attach()
    await io(nbdUnixUri, 'write -P 0x5a 0 1M', 'flush')
    await detach(id)
    const attachment = await attach({ readOnly: true })
    expect(attachment.readOnly).toBe(true)
    expect((await run('nbdinfo', ['--is', 'read-only', attachment.nbdUnixUri])).code).toBe(0)
    expect((await io(attachment.nbdUnixUri, 'write -P 0x11 0 4k')).code).not.toBe(0)
    const read = await must('qemu-io', ['-r', '-c', 'read -P 0x5a 0 1M', attachment.nbdUnixUri])
    expect(read).not.toContain('failed')
  })

  test('over TCP where the node listens, and says at once where it does not', async () => {
    const noTcp = {
      status: 'FAILED_PRECONDITION',
      reason: 'FAILED_PRECONDITION',
      field: 'want_tcp',
      metadata: { node: 'local-1-a' },
    }
    expect(await refusal(attach({ wantTcp: true }))).toMatchObject(noTcp)
    expect((await list()).totalCount).toBe(0)
    await attach()
    expect(await refusal(attach({ wantTcp: true }))).toMatchObject(noTcp)

    await createVolume('far', 'local-2')
    const far = await attach({ volume: 'far', wantTcp: true })
    expect(far.nbdTcpUri).toBe(`nbd://127.0.0.1:${port}/${far.id}`)
    expect(await attach({ volume: 'far' })).toEqual(far)
    await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x21 0 1M', '-c', 'flush', far.nbdTcpUri])
    const read = await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0x21 0 1M', far.nbdUnixUri])
    expect(read).not.toContain('failed')
  })

  test('shows how many connections are open', async () => {
    const { id, nbdUnixUri } = await attach()
    const held = spawn('qemu-io', ['-f', 'raw', '-c', 'sleep 60000', nbdUnixUri], {
      stdio: 'ignore',
    })
    const connections = async () => (await get(id)).connections
    try {
      await world.until('one connection', async () => (await connections()) === 1)
    } finally {
      held.kill('SIGKILL')
    }
    await world.until('none', async () => (await connections()) === 0)
  })

  test.each([
    ['nothing', ''],
    ['65 characters', 'x'.repeat(65)],
    ['100,000 characters', 'x'.repeat(100_000)],
    ['a space', 'web 1'],
    ['a line break', 'web\n'],
    ['a NUL', 'web\0'],
    ['no ASCII', 'wéb'],
    ['a control character', 'web\x7f'],
  ])('refuses a host that is %s', async (_what, host) => {
    expect(await refusal(attach({ host }))).toMatchObject(invalid('host'))
  })

  const printable = `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~${'x'.repeat(64)}`
  test('takes a host of any printable characters', async () => {
    const host = printable.slice(0, 64)
    const { id } = await attach({ host })
    expect(hostsOf(await list({ host }))).toEqual([host])
    // Also when the record alone says it.
    await world.killAndRestart('local-1')
    expect(await get(id)).toMatchObject({ host })
    const node = new ZoneApi(world.zoneEndpoint('local-1'))
    expect((await node.records()).attachments).toMatchObject([{ attachmentId: id, host }])
    node.close()
    await world.until('the region has its node again', async () => {
      const { zones } = await client.topology.listZones({ name: 'local-1' })
      return zones[0]?.status === 'ZONE_STATUS_AVAILABLE'
    })
    expect((await attach({ host })).id).toBe(id)
  })

  test.each(malformedReferences)('refuses a volume that is %s', async (_what, reference) => {
    expect(await refusal(attach({ volume: reference }))).toMatchObject(invalid('volume'))
  })

  test('refuses a volume that is not there', async () => {
    for (const unknown of ['nowhere', unknownId, volume.crn.replace('local-1', 'local-2')]) {
      expect(await refusal(attach({ volume: unknown }))).toMatchObject(notFound('volume'))
    }
  })
})

describe('a repeated request_id', () => {
  test.each(malformedRequestIds)('is refused when it is %s', async (_what, requestId) => {
    expect(await refusal(attach({ requestId }))).toMatchObject(invalid('request_id'))
    expect(await refusal(detach(unknownId, { requestId }))).toMatchObject(invalid('request_id'))
  })

  test('gets the first answer', async () => {
    const requestId = newRequestId()
    const [first, second] = await Promise.all([attach({ requestId }), attach({ requestId })])
    expect(second).toEqual(first)
    const gone = newRequestId()
    expect(await detach(first.id, { requestId: gone })).toEqual({ attachment: null })
    expect(await detach(first.id, { requestId: gone })).toEqual({ attachment: null })
    // A late repetition attaches nothing.
    expect(await attach({ requestId })).toEqual(first)
    expect((await list()).totalCount).toBe(0)
  })

  test('with other arguments, or for another method, is refused', async () => {
    const requestId = newRequestId()
    await createVolume('other')
    const { id } = await attach({ requestId })
    const others: readonly CreateAttachmentRequest[] = [
      { volume: 'other' },
      { host: 'web-2' },
      { readOnly: true },
      { wantTcp: true },
    ]
    for (const other of others) {
      expect(await refusal(attach({ requestId, ...other }))).toMatchObject(idReused)
    }
    expect(await refusal(detach(id, { requestId }))).toMatchObject(idReused)
    expect((await list()).totalCount).toBe(1)
  })
})

describe('GetAttachment and DeleteAttachment', () => {
  test('know only what is here', async () => {
    const { id } = await attach()
    await detach(id)
    for (const gone of [id, unknownId]) {
      expect(await refusal(get(gone))).toMatchObject(notFound('attachment'))
      expect(await refusal(detach(gone))).toMatchObject(notFound('attachment'))
    }
  })

  test.each([...malformedReferences, ['a name', 'db'] as const])(
    'refuse %s',
    async (_what, attachment) => {
      expect(await refusal(get(attachment))).toMatchObject(invalid('attachment'))
      expect(await refusal(detach(attachment))).toMatchObject(invalid('attachment'))
    },
  )
})

describe('ListAttachments', () => {
  test('pages newest first, and filters', async () => {
    await createVolume('far', 'local-2')
    await createVolume('idle')
    await createVolume('near')
    await attach({ host: 'a' })
    await attach({ volume: 'far', host: 'b' })
    await attach({ volume: 'near', host: 'a' })
    const cases: readonly (readonly [ListAttachmentsRequest, string[]])[] = [
      [{}, ['a', 'b', 'a']],
      [{ host: 'b' }, ['b']],
      [{ zone: 'local-1' }, ['a', 'a']],
      [{ zone: 'local-2', host: 'a' }, []],
      [{ zone: 'nowhere' }, []],
      [{ volume: volume.id }, ['a']],
      [{ volume: volume.crn }, ['a']],
      [{ volume: 'far' }, ['b']],
      [{ volume: 'idle' }, []],
      [{ volume: 'nowhere' }, []],
      [{ volume: unknownId }, []],
    ]
    for (const [filter, hosts] of cases) {
      const page = await list(filter)
      expect([hostsOf(page), page.totalCount], JSON.stringify(filter)).toEqual([
        hosts,
        hosts.length,
      ])
    }
    const first = await list({ pageSize: 2 })
    expect([hostsOf(first), first.totalCount]).toEqual([['a', 'b'], 3])
    const last = await list({ pageSize: 2, pageToken: first.nextPageToken })
    expect([hostsOf(last), last.nextPageToken]).toEqual([['a'], ''])

    const refused: readonly (readonly [ListAttachmentsRequest, string])[] = [
      [{ pageSize: -1 }, 'page_size'],
      [{ pageToken: 'x' }, 'page_token'],
      [{ pageToken: first.nextPageToken, host: 'a' }, 'page_token'],
      [{ volume: 'Not A Name' }, 'volume'],
      [{ host: 'x'.repeat(513) }, 'host'],
      [{ zone: 'x'.repeat(513) }, 'zone'],
    ]
    for (const [request, field] of refused) {
      expect(await refusal(list(request)), field).toMatchObject(invalid(field))
    }
  })
})

describe('DeleteAttachment', () => {
  test('ends the export, and keeps what was written', async () => {
    const { id, nbdUnixUri } = await attach()
    await io(nbdUnixUri, 'write -P 0x5a 0 4M')
    expect(await detach(id)).toEqual({ attachment: null })
    expect((await run('nbdinfo', ['--size', nbdUnixUri])).code).not.toBe(0)
    expect(await client.volumes.getVolume({ volume: 'db' })).toEqual(volume)
    const again = await attach({ host: 'web-2' })
    expect(again.id).not.toBe(id)
    expect((await run('nbdinfo', ['--size', nbdUnixUri])).code).not.toBe(0)
    const read = await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0x5a 0 4M', again.nbdUnixUri])
    expect(read).not.toContain('failed')
  })

  test('does not wait for a host that holds on to it', async () => {
    const { id, nbdUnixUri } = await attach()
    const held = spawn('qemu-io', ['-f', 'raw', '-c', 'sleep 60000', nbdUnixUri], {
      stdio: 'ignore',
    })
    try {
      await world.until('a connection', async () => (await get(id)).connections === 1)
      expect(await detach(id)).toEqual({ attachment: null })
      expect((await list()).totalCount).toBe(0)
    } finally {
      held.kill('SIGKILL')
    }
  })

  test('lets a host under load finish what it asked, and tells it no more', async () => {
    const { id, nbdUnixUri } = await attach()
    const job = ['--name=w', '--ioengine=nbd', `--uri=${nbdUnixUri}`, '--rw=randwrite', '--bs=4k']
    const load = run('fio', [...job, '--iodepth=16', '--size=4m', '--time_based', '--runtime=60'])
    await world.until('a connection', async () => (await get(id)).connections > 0)
    expect(await detach(id)).toEqual({ attachment: null })
    expect((await load).code).not.toBe(0)
    expect(await refusal(detach(id))).toMatchObject(notFound('attachment'))
  })
})

test('an export is back before the region has spoken', async () => {
  const { nbdUnixUri, id } = await attach()
  await io(nbdUnixUri, 'write -P 0x5a 0 4M', 'flush')
  await world.signal('region', 'SIGKILL')
  await world.killAndRestart('local-1')
  const read = await must('qemu-io', ['-f', 'raw', '-c', 'read -P 0x5a 0 4M', nbdUnixUri])
  expect(read).not.toContain('failed')
  await world.start('region')
  await world.until('the region answers', async () => (await get(id)).id === id)
})
