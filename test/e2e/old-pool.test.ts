// A pool file that is not what it was: yesterday's copy put back under a running region, another file
// in its place. The daemons notice, say so, destroy nothing, and the next snapshots hold what is there.

import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB } from '../support/api.js'
import { run } from '../support/tools.js'
import { World } from '../support/world.js'

let world: World
let client: Client
let pool: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1'], poolCapacity: '64MiB' })
  client = new Client(world.endpoint)
  pool = join(world.folder, 'local-1', 'pool')
})
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const zone = async () => (await client.topology.listZones({})).zones[0]
const reasons = async () => (await zone())?.statusReasons.map(({ code }) => code) ?? []
const attach = async (volume: string) =>
  (await client.attachments.createAttachment({ volume, host: 'h' })).nbdUnixUri
const io = async (uri: string, ...commands: readonly string[]) => {
  const told = commands.flatMap((command) => ['-c', command])
  const { code, stdout, stderr } = await run('qemu-io', ['-f', 'raw', ...told, uri])
  expect([code, stderr, stdout]).toEqual([0, '', expect.not.stringContaining('failed')])
}
const restored = async (snapshot: string): Promise<string> => {
  const name = `of-${snapshot}`
  await client.volumes.createVolume({ name, zone: 'local-1', sourceSnapshot: snapshot })
  return await attach(name)
}
const snap = async (name: string) =>
  await world.must('snapshot-create', '--volume', 'v', '--name', name, '--wait')

test("yesterday's pool is reported, and its next snapshot is what it holds", async () => {
  await client.volumes.createVolume({
    name: 'v',
    zone: 'local-1',
    capacityBytes: String(16n * MiB),
  })
  const uri = await attach('v')
  await io(uri, 'write -P 0x11 0 4M', 'flush')
  await snap('monday')
  await world.signal('local-1', 'SIGTERM')
  copyFileSync(pool, `${pool}.monday`)
  await world.start('local-1')
  await io(uri, 'write -P 0x22 1M 1M', 'flush')
  await world.until(
    'the region has its node again',
    async () => (await zone())?.status === 'ZONE_STATUS_AVAILABLE',
  )
  await snap('tuesday')
  expect(await zone()).toMatchObject({ status: 'ZONE_STATUS_AVAILABLE', statusReasons: [] })

  await world.signal('local-1', 'SIGKILL')
  copyFileSync(`${pool}.monday`, pool)
  await world.start('local-1')
  await world.until('the region has noticed', async () =>
    (await reasons()).includes('pool_went_back'),
  )
  expect((await zone())?.status).toBe('ZONE_STATUS_IMPAIRED')
  expect(world.said('region')).toMatch(/was opened at checkpoint \d+, and had come to checkpoint/)

  await io(uri, 'read -P 0x11 0 4M', 'write -P 0x33 2M 1M', 'flush')
  await snap('wednesday')
  await io(
    await restored('wednesday'),
    'read -P 0x11 0 2M',
    'read -P 0x33 2M 1M',
    'read -P 0x11 3M 1M',
    'read -P 0 4M 12M',
  )
  await io(await restored('tuesday'), 'read -P 0x22 1M 1M', 'read -P 0x11 2M 2M')
  for (const name of ['of-tuesday', 'of-wednesday']) {
    const { attachmentIds } = await client.volumes.getVolume({ volume: name })
    for (const id of attachmentIds) await client.attachments.deleteAttachment({ attachment: id })
    await client.volumes.deleteVolume({ volume: name })
  }
  await world.until('its snapshot was full', async () => (await reasons()).length === 0)
  expect(await zone()).toMatchObject({ status: 'ZONE_STATUS_AVAILABLE' })
})

test('what is no pool is left as it is, until an operator says otherwise', async () => {
  await world.signal('local-1', 'SIGTERM')
  renameSync(pool, `${pool}.kept`)
  const foreign = Buffer.alloc(8 << 20)
  foreign.write('precious', 4_190_208)
  writeFileSync(pool, foreign)
  await expect(world.start('local-1')).rejects.toThrow(
    /holds no Ashlar pool and was left untouched/,
  )
  const refused = await world.ashlar(['pool-create', pool])
  expect(refused.code).not.toBe(0)
  expect(refused.stderr).toContain('the first at byte 4190208')
  expect(readFileSync(pool).equals(foreign)).toBe(true)

  await world.must('pool-create', pool, '--force', '--size', '64MiB')
  await world.start('local-1')
  await world.until('the region has noticed', async () =>
    (await reasons()).includes('pool_replaced'),
  )
  const busy = await world.ashlar(['pool-create', pool, '--force'])
  expect(busy.stderr).toMatch(/another process has this pool open/)
})
