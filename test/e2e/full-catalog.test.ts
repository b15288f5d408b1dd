// A region on a disk that is full to the last byte: whatever would change its catalog is refused with one
// error that names it, everything is read as before, deletes are taken, and once there is room it goes on
// by itself. It starts on such a disk too, also when the reserve is gone.

import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { Client as GrpcClient, credentials } from '@grpc/grpc-js'
import { service as healthService } from 'grpc-health-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { parseEndpoint } from '../../src/client/endpoint.js'
import { MiB, Objects, notFound, refusal } from '../support/api.js'
import { SmallDisk, noSmallDisk } from '../support/small-disk.js'
import { must, run } from '../support/tools.js'
import { World } from '../support/world.js'

const reason = noSmallDisk()
const zone = 'local-1'
const clone = { snapshot: 'cut', zone }

let world: World
let client: Client
let objects: Objects
let disk: SmallDisk
let nbdUri: string

async function newVolume(name: string): Promise<void> {
  await client.volumes.createVolume({ name, zone, capacityBytes: String(4n * MiB) })
}
async function newAttachment(volume: string) {
  return await client.attachments.createAttachment({ volume, host: 'h' })
}
async function newSnapshot(name: string): Promise<void> {
  await client.snapshots.createSnapshot({ sourceVolume: 'guest', name })
  await objects.stable(name)
}

/** A volume in use, a snapshot of it with a clone, and a volume that nobody uses. */
beforeEach(async () => {
  if (reason !== undefined) return
  const folder = World.makeFolder()
  disk = SmallDisk.mount(join(folder, 'region'), 'size=64m')
  mkdirSync(join(folder, zone))
  world = await World.start({ zones: [zone], poolCapacity: '64MiB', folder })
  client = new Client(world.endpoint)
  objects = new Objects(client)
  await newVolume('guest')
  await newVolume('idle')
  nbdUri = (await newAttachment('guest')).nbdUnixUri
  await writes()
  await newSnapshot('cut')
  await client.snapshots.createSnapshotClone(clone)
  await world.until(
    'the clone is available',
    async () => (await client.snapshots.getSnapshotClone(clone)).available,
  )
})
afterEach(async () => {
  client?.close()
  await world?.signal('region', 'SIGKILL')
  disk?.unmount()
  await world?.remove()
})

/** A guest notices nothing. */
async function writes(): Promise<void> {
  const commands = ['-c', 'write -P 0x11 0 1M', '-c', 'flush', nbdUri]
  expect(await run('qemu-io', ['-f', 'raw', ...commands])).toMatchObject({ code: 0, stderr: '' })
}

const catalog = () => join(disk.at, 'catalog.db')
const reserve = () => statSync(join(disk.at, 'catalog.reserve'), { throwIfNoEntry: false })
const reserveBytes = 20 << 20
function expectReserve(): void {
  expect(reserve()).toMatchObject({ size: reserveBytes })
  expect(reserve()?.blocks).toBeGreaterThanOrEqual(reserveBytes / 512)
}

/** The names of each are other ones at every call. */
let turn = 0
const changes: Readonly<Record<string, () => Promise<unknown>>> = {
  createVolume: async () => await newVolume(`v-${turn++}`),
  updateVolume: async () =>
    await client.volumes.updateVolume({
      volume: 'guest',
      updateMask: { paths: ['user_tags'] },
      userTags: [`t-${turn++}`],
    }),
  createAttachment: async () => await newAttachment('idle'),
  createSnapshot: async () =>
    await client.snapshots.createSnapshot({ sourceVolume: 'guest', name: `s-${turn++}` }),
  updateSnapshot: async () =>
    await client.snapshots.updateSnapshot({
      snapshot: 'cut',
      updateMask: { paths: ['user_tags'] },
      userTags: [`t-${turn++}`],
    }),
}

const exhausted = () => ({
  status: 'RESOURCE_EXHAUSTED',
  reason: 'POOL_FULL',
  message: expect.stringMatching(/make room/) as string,
  metadata: { reason: 'catalog_full', path: catalog() },
})

async function expectRefused(): Promise<void> {
  for (const [name, change] of Object.entries(changes)) {
    const refused = await refusal(change())
    expect(refused, name).toMatchObject(exhausted())
    expect(refused.message).toContain(catalog())
  }
}

async function expectRead(): Promise<void> {
  const volumes = (await objects.volumes()).map(({ name }) => name)
  expect(volumes).toEqual(expect.arrayContaining(['guest', 'idle']))
  expect(await client.volumes.getVolume({ volume: 'guest' })).toMatchObject({
    status: 'VOLUME_STATUS_AVAILABLE',
    attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
  })
  expect(await client.snapshots.getSnapshot({ snapshot: 'cut' })).toMatchObject({
    lifecycleState: 'LIFECYCLE_STATE_STABLE',
  })
}

async function isZoneHere(): Promise<boolean> {
  const [found] = (await client.topology.listZones({})).zones
  return found?.status === 'ZONE_STATUS_AVAILABLE'
}

/** Everything that gives something back. */
async function expectDeletes(): Promise<void> {
  const { attachments, volumes, snapshots } = client
  await snapshots.deleteSnapshotClone(clone)
  const [attachment] = (await volumes.getVolume({ volume: 'guest' })).attachmentIds
  await attachments.deleteAttachment({ attachment: attachment ?? '' })
  await volumes.deleteVolume({ volume: 'idle' })
  await snapshots.deleteSnapshot({ snapshot: 'cut' })
  expect(await refusal(volumes.getVolume({ volume: 'idle' }))).toMatchObject(notFound('volume'))
  // Not even on its way out: the store has the record of its end.
  expect([await objects.snapshots(), await objects.attachments()]).toEqual([[], []])
}

/** Until a change is refused: the last pages of the log may still be free. */
async function fill(): Promise<void> {
  disk.fill()
  await world.until('a change is refused', async () => {
    return await newVolume(`fill-${turn++}`).then(
      () => false,
      () => true,
    )
  })
}

/** By itself: nobody calls to change something. */
async function expectRoomAgain(): Promise<void> {
  await world.until('it serves operators again', async () => (await health()) === 'SERVING')
  expect(await client.operator.getStoreStats({})).toMatchObject({ problems: [] })
  expectReserve()
  for (const change of Object.values(changes)) await change()
}

async function health(): Promise<unknown> {
  const grpc = new GrpcClient(parseEndpoint(world.endpoint), credentials.createInsecure())
  const { Check: check } = healthService
  if (check === undefined) throw new Error('health has no Check')
  const { path, requestSerialize, responseDeserialize } = check
  try {
    return await new Promise((resolve, reject) => {
      const asked = { service: 'ashlar.v1.OperatorService' }
      grpc.makeUnaryRequest(path, requestSerialize, responseDeserialize, asked, (error, answer) => {
        if (error === null) resolve(answer && 'status' in answer && answer.status)
        else reject(error)
      })
    })
  } finally {
    grpc.close()
  }
}

describe.skipIf(reason !== undefined)(
  `a full disk${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    test('refuses changes with one error that names the catalog, and is read', async () => {
      await fill()
      await expectRefused()
      await expectRead()
      await writes()
      expect(await isZoneHere()).toBe(true)
      expect(await client.operator.getStoreStats({})).toMatchObject({
        problems: [{ code: 'catalog_full' }],
      })
      expect(await health()).toBe('NOT_SERVING')
      disk.makeRoom()
      // At once, before anybody has looked.
      await newVolume('again')
      await expectRoomAgain()
    })

    test('goes on by itself when there is room', async () => {
      await fill()
      disk.makeRoom()
      await expectRoomAgain()
      await newSnapshot('later')
    })

    test('takes deletes', async () => {
      await fill()
      await expectRefused()
      await expectDeletes()
      expect(reserve()).toBeUndefined()
      expect(await refusal(newVolume('still'))).toMatchObject(exhausted())
      disk.makeRoom()
      await newVolume('guest-2')
      expectReserve()
    })

    test('gets room by deletes alone', async () => {
      const noise = join(world.folder, 'noise')
      await must('bash', ['-c', `head -c 4M /dev/urandom > ${noise}`])
      await must('qemu-io', ['-f', 'raw', '-c', `write -s ${noise} 0 4M`, '-c', 'flush', nbdUri])
      await newSnapshot('noise')
      await fill()
      // What is given up besides has to stay given up.
      await client.snapshots.deleteSnapshot({ snapshot: 'noise' })
      await client.operator.collectStore({})
      await expectRoomAgain()
    })

    test('takes deletes in the room that the log has', async () => {
      const many = Array.from({ length: 100 }, (_, at) => `many-${at}`)
      for (const name of many) await newVolume(name)
      await fill()
      await client.volumes.deleteVolume({ volume: 'idle' })
      // Others take what the reserve gave up.
      disk.fill()
      for (const volume of many) await client.volumes.deleteVolume({ volume })
      const left = (await objects.volumes()).map(({ name }) => name)
      expect(left.filter((name) => many.includes(name))).toEqual([])
    })

    test('says so once a minute', async () => {
      const since = process.hrtime.bigint()
      await fill()
      for (let times = 0; times < 10; times++) await expectRefused()
      const minutes = Number((process.hrtime.bigint() - since) / 60_000_000_000n)
      const said = world
        .said('region')
        .split('\n')
        .filter((line) => line.includes(catalog()))
      expect(said.length).toBeGreaterThanOrEqual(1)
      expect(said.length).toBeLessThanOrEqual(1 + minutes)
    })

    describe('under a daemon that starts', () => {
      test.each(['SIGTERM', 'SIGKILL'] as const)('after %s', async (signal) => {
        disk.fill()
        await world.signal('region', signal)
        // A stop gives back what the log had.
        disk.fill()
        await world.start('region')
        await world.until('the zone is here', isZoneHere)
        await expectRead()
        await expectRefused()
        expect(await health()).toBe('NOT_SERVING')
        const said = world.said('region').split('\n')
        expect(
          said.filter((line) => line.includes('catalog_full') || line.includes(catalog())),
        ).toHaveLength(1)
        await expectDeletes()
        disk.makeRoom()
        await newVolume('idle')
        await newVolume('once-more')
      })

      test.each(['SIGTERM', 'SIGKILL'] as const)(
        'after %s, without its reserve',
        async (signal) => {
          await fill()
          await client.volumes.deleteVolume({ volume: 'idle' })
          expect(reserve()).toBeUndefined()
          disk.fill()
          await world.signal('region', signal)
          disk.fill()
          await world.start('region')
          expect((await objects.volumes()).map(({ name }) => name)).toContain('guest')
          const refused = await refusal(newVolume('v'))
          expect(refused.status).toBe('RESOURCE_EXHAUSTED')
          expect(refused.message).toMatch(/make room/)
          expect(refused.message).toContain(join(disk.at, 'store'))
          expect(await health()).toBe('NOT_SERVING')
          disk.makeRoom()
          await world.until('it serves operators again', async () => (await health()) === 'SERVING')
          await world.until('the zone is here', isZoneHere)
          await newVolume('idle')
          expectReserve()
          await expectDeletes()
        },
      )
    })
  },
)
