// A pool that is full, by its capacity or by its file system, and a region that is: the writer is told
// ENOSPC, what is there stays readable, and what gives space back makes writes possible again.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB, Objects } from '../support/api.js'
import { noSmallDisk } from '../support/small-disk.js'
import { must, run } from '../support/tools.js'
import { World } from '../support/world.js'

const poolMib = 64
/** The first 4 MiB and more of a pool are its journal and its tables. */
const usableMib = { least: 48, most: 60 }

let world: World
let client: Client
let objects: Objects

async function newVolume(name: string): Promise<string> {
  const capacityBytes = String(256n * MiB)
  await client.volumes.createVolume({ name, zone: 'local-1', capacityBytes })
  return await attach(name)
}
async function attach(volume: string): Promise<string> {
  return (await client.attachments.createAttachment({ volume, host: 'h' })).nbdUnixUri
}
async function removeVolume(name: string): Promise<void> {
  const { attachmentIds } = await client.volumes.getVolume({ volume: name })
  for (const attachment of attachmentIds) await client.attachments.deleteAttachment({ attachment })
  await client.volumes.deleteVolume({ volume: name })
}

const io = (uri: string, ...commands: readonly string[]) =>
  run('qemu-io', ['-f', 'raw', ...commands.flatMap((command) => ['-c', command]), uri])

async function expectWritten(uri: string, ...commands: readonly string[]): Promise<void> {
  expect(await io(uri, ...commands, 'flush')).toMatchObject({ code: 0, stderr: '' })
}
/** Fails unless all of the ranges hold what they should. */
async function expectHeld(uri: string, ...ranges: readonly string[]): Promise<void> {
  const { code, stdout } = await io(uri, ...ranges.map((range) => `read -P ${range}`))
  expect([code, stdout]).toEqual([0, expect.not.stringContaining('failed')])
}

const noSpace = 'No space left on device'

/** Writes MiB after MiB until the pool is full. Answers how many the volume holds, flushed. */
async function fill(uri: string, pattern: string): Promise<number> {
  const writes = Array.from({ length: poolMib }, (_, at) => `write -P ${pattern} ${at}M 1M`)
  const { stdout } = await io(uri, ...writes, 'flush')
  const said = stdout.split('\n').filter((line) => /^wrote|failed/.test(line))
  expect(said).toHaveLength(poolMib)
  const held = said.findIndex((line) => line.includes('failed'))
  expect(said[held]).toBe(`write failed: ${noSpace}`)
  return held
}

describe('a pool that is full', () => {
  beforeAll(async () => {
    world = await World.start({ zones: ['local-1'], poolCapacity: `${poolMib}MiB` })
    client = new Client(world.endpoint)
    objects = new Objects(client)
  })
  afterEach(async () => await objects.clear())
  afterAll(async () => {
    client?.close()
    await world?.remove()
  })

  test('says so to the writer, and reads on', async () => {
    const other = await newVolume('other')
    await expectWritten(other, 'write -P 0x11 0 4M')
    const uri = await newVolume('full')
    const held = await fill(uri, '0x22')
    expect(held).toBeGreaterThan(usableMib.least - 4)
    expect(held).toBeLessThan(usableMib.most - 4)
    await expectHeld(uri, `0x22 0 ${held}M`, '0 200M 8M')
    await expectHeld(other, '0x11 0 4M')
    // So does the log, once.
    const said = () =>
      world.said('local-1').match(/requests of a host failed.*the pool is full/g) ?? []
    await world.until('it is logged', () => Promise.resolve(said().length > 0))
    expect(said()).toHaveLength(1)
    // The same for a client that keeps many requests under way.
    const job = ['--name=w', '--ioengine=nbd', `--uri=${uri}`, '--thread=1', '--offset=100m']
    const fio = await run('fio', [...job, '--rw=write', '--bs=64k', '--iodepth=8', '--size=64m'])
    expect(fio.code).not.toBe(0)
    expect(fio.stdout + fio.stderr).toContain(noSpace)
    const verify = ['--name=r', '--ioengine=nbd', `--uri=${uri}`, '--thread=1', '--rw=randread']
    await must('fio', [...verify, '--bs=4k', '--iodepth=8', `--size=${held}m`])
    await expectHeld(uri, `0x22 0 ${held}M`)
    const [zone] = (await client.topology.listZones({})).zones
    expect(zone?.status).toBe('ZONE_STATUS_AVAILABLE')
  })

  test('takes writes again when a volume is deleted', async () => {
    const small = await newVolume('small')
    await expectWritten(small, 'write -P 0x11 0 16M')
    const uri = await newVolume('full')
    const held = await fill(uri, '0x22')
    await removeVolume('small')
    await expectWritten(uri, 'write -P 0x33 100M 8M')
    await expectHeld(uri, `0x22 0 ${held}M`, '0x33 100M 8M')
    // And when all of it is, whatever was in the way before.
    await removeVolume('full')
    const again = await newVolume('again')
    expect(await fill(again, '0x44')).toBeGreaterThanOrEqual(held)
  })

  test('takes writes again when data is given back', async () => {
    const uri = await newVolume('full')
    const held = await fill(uri, '0x22')
    await expectWritten(uri, 'discard 0 8M', 'write -P 0x33 100M 4M')
    await fill(uri, '0x44')
    await expectWritten(uri, 'write -z -u 0 16M', 'write -P 0x33 120M 8M')
    await expectHeld(uri, '0 0 8M', `0x22 ${held - 1}M 1M`, '0x33 100M 4M', '0x33 120M 8M')
  })

  test('takes writes again when a snapshot is deleted', async () => {
    const uri = await newVolume('full')
    await expectWritten(uri, 'write -P 0x11 0 28M')
    await client.snapshots.createSnapshot({ sourceVolume: 'full', name: 'kept' })
    await objects.stable('kept')
    // A sealed cut alone would go before anybody is refused; a clone keeps it, so that all of this is
    // there twice.
    const clone = { snapshot: 'kept', zone: 'local-1' }
    await client.snapshots.createSnapshotClone(clone)
    await world.until(
      'the clone is available',
      async () => (await client.snapshots.getSnapshotClone(clone)).available,
    )
    await expectWritten(uri, 'write -P 0x22 0 16M')
    const other = await newVolume('other')
    await fill(other, '0x33')
    await client.snapshots.deleteSnapshot({ snapshot: 'kept' })
    await world.until('there is room', async () => (await io(other, 'write 200M 8M')).code === 0)
    await expectHeld(uri, '0x22 0 16M', '0x11 16M 12M')
  })

  test('still takes orders, and its snapshots reach the region', async () => {
    const uri = await newVolume('full')
    const held = await fill(uri, '0x22')
    // To the last block.
    const blocks = Array.from(
      { length: 3000 },
      (_, at) => `write -P 0x33 ${120 * 1024 + at * 4}k 4k`,
    )
    expect((await io(uri, ...blocks)).stdout).toContain(noSpace)
    for (let turn = 0; turn < 8; turn++) {
      const name = `v-${turn}`
      await newVolume(name)
      await removeVolume(name)
    }
    await client.volumes.updateVolume({
      volume: 'full',
      updateMask: { paths: ['capacity_bytes'] },
      capacityBytes: String(300n * MiB),
    })
    await client.snapshots.createSnapshot({ sourceVolume: 'full', name: 'cut' })
    await objects.stable('cut')
    const image = join(world.folder, 'image')
    await must('nbdcopy', [uri, image])
    // What was grown a moment ago is in the one and not in the other.
    await must('truncate', ['-s', '300M', image])
    expect(await world.must('verify', image, '--snapshot', 'cut')).toContain('equal')
    await expectHeld(uri, `0x22 0 ${held}M`)
    expect((await io(uri, 'write 200M 4M')).stdout).toContain(noSpace)
  })

  test('is full and whole after SIGKILL', async () => {
    const small = await newVolume('small')
    await expectWritten(small, 'write -P 0x11 0 16M')
    const uri = await newVolume('full')
    const held = await fill(uri, '0x22')
    // Killed while one more writer is at the wall.
    const job = ['--name=w', '--ioengine=nbd', `--uri=${uri}`, '--thread=1', '--offset=100m']
    const load = run('fio', [...job, '--rw=randwrite', '--bs=4k', '--size=64m', '--iodepth=8'])
    await world.killAndRestart('local-1')
    await load
    await expectHeld(uri, `0x22 0 ${held}M`)
    await expectHeld(small, '0x11 0 16M')
    expect((await io(uri, 'write 200M 16M')).stdout).toContain(noSpace)
    await world.until('the region has found it', async () => {
      await removeVolume('small')
      return true
    })
    await expectWritten(uri, 'write -P 0x33 100M 8M')
    await expectHeld(uri, `0x22 0 ${held}M`, '0x33 100M 8M')
    await world.signal('local-1', 'SIGTERM')
    const report = await world.must('pool-check', join(world.folder, 'local-1', 'pool'))
    expect(report).toContain('sound')
    await world.start('local-1')
    await world.until('the region has found it again', async () => {
      await objects.clear()
      return true
    })
  })
})

const reason = noSmallDisk()
describe.skipIf(reason !== undefined)(
  `a file system that is full${reason === undefined ? '' : ` (${reason})`}`,
  () => {
    const mounts: string[] = []
    /** The data of a site on a file system of its own, from the beginning. */
    async function startOn(site: string, size: string): Promise<string> {
      await world.signal(site, 'SIGTERM')
      const at = join(world.folder, site)
      rmSync(at, { recursive: true })
      mkdirSync(at)
      await must('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at])
      mounts.push(at)
      return at
    }
    beforeAll(async () => {
      world = await World.start({ zones: ['local-1'], poolCapacity: '256MiB' })
      client = new Client(world.endpoint)
      objects = new Objects(client)
    })
    afterAll(async () => {
      client?.close()
      for (const site of ['region', 'local-1']) await world?.signal(site, 'SIGKILL')
      for (const at of mounts) await must('umount', [at])
      await world?.remove()
    })

    test('ends the growth of a pool, until somebody makes room', async () => {
      const at = await startOn('local-1', '96m')
      writeFileSync(join(at, 'ballast'), Buffer.alloc(32 << 20))
      await world.start('local-1')
      await world.until('the region has found it', async () => (await newVolume('full')) !== '')
      const uri = await attach('full')
      const held = await fill(uri, '0x22')
      expect(held).toBeGreaterThan(8)
      await expectHeld(uri, `0x22 0 ${held}M`)
      await world.until('it is logged that it is not the pool', () =>
        Promise.resolve(world.said('local-1').includes('the file system under the pool is full')),
      )
      rmSync(join(at, 'ballast'))
      await expectWritten(uri, 'write -P 0x33 100M 16M')
      await world.killAndRestart('local-1')
      await expectHeld(uri, `0x22 0 ${held}M`, '0x33 100M 16M')
    })

    test('keeps snapshots pending in the region, and nothing else', async () => {
      // 20 MiB of it are the catalog's reserve.
      const at = await startOn('region', '44m')
      await world.start('region')
      const uri = await newVolume('noise')
      const noise = join(world.folder, 'noise')
      await must('bash', ['-c', `head -c 12M /dev/urandom > ${noise} && truncate -s 256M ${noise}`])
      await must('qemu-io', ['-f', 'raw', '-c', `write -s ${noise} 0 12M`, '-c', 'flush', uri])
      writeFileSync(join(at, 'ballast'), Buffer.alloc(16 << 20))
      await client.snapshots.createSnapshot({ sourceVolume: 'noise', name: 'cut' })
      await world.until(
        'it says why',
        async () => {
          const { lifecycleState, lifecycleReasons } = await client.snapshots.getSnapshot({
            snapshot: 'cut',
          })
          expect(lifecycleState).toBe('LIFECYCLE_STATE_PENDING')
          expect(lifecycleReasons).toMatchObject([{ code: 'region_full' }])
          return true
        },
        20_000,
      )
      // The catalog still takes what is small, and the host notices nothing.
      await newVolume('another')
      await expectWritten(uri, 'write -P 0x55 200M 4M')
      await must('mount', ['-o', 'remount,size=256m', at])
      await world.killAndRestart('region')
      await objects.stable('cut')
      expect(await world.must('verify', noise, '--snapshot', 'cut')).toContain('equal')
    })
  },
)
