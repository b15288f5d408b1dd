// ashlar.v1.OperatorService against real daemons.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB, Objects, invalid, notFound, refusal } from '../support/api.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

let world: World
let client: Client
let objects: Objects
beforeAll(async () => {
  world = await World.start({ zones: ['local-1', 'local-2'], poolCapacity: '256MiB' })
  client = new Client(world.endpoint)
  objects = new Objects(client)
}, 60_000)
afterEach(async () => await objects.clear(), 60_000)
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const stats = async () => await client.operator.getStoreStats({})
const forget = async (zone: string) => await client.operator.forgetZone({ zone })

/** A volume with 8 MiB of this byte, and a stable snapshot of it. */
async function snapshotOf(pattern: number, name: string): Promise<void> {
  const volume = (await objects.volumes()).some((found) => found.name === 'v')
  if (!volume) {
    const capacityBytes = String(64n * MiB)
    await client.volumes.createVolume({ name: 'v', zone: 'local-1', capacityBytes })
  }
  const uri = await world.must('attach', 'v')
  await must('qemu-io', ['-f', 'raw', '-c', `write -P ${pattern} 0 8M`, '-c', 'flush', uri])
  await world.must('detach', 'v')
  await client.snapshots.createSnapshot({ sourceVolume: 'v', name })
  await objects.stable(name)
}

describe('GetStoreStats', () => {
  test('counts what snapshots add, also after a restart', async () => {
    const before = await stats()
    expect(before).toMatchObject({ sessions: 0, pins: 0, problems: [] })
    await snapshotOf(1, 's')
    const after = await stats()
    expect(after.packs).toBeGreaterThan(before.packs)
    expect(Number(after.packBytes)).toBeGreaterThan(Number(before.packBytes))
    expect(Number(after.catalogGeneration)).toBe(Number(before.catalogGeneration) + 1)
    await world.killAndRestart('region')
    expect(await stats()).toMatchObject({
      packs: after.packs,
      packBytes: after.packBytes,
      catalogGeneration: after.catalogGeneration,
    })
  }, 60_000)
})

describe('ForgetZone', () => {
  test.each([
    ['nothing', ''],
    ['no name', 'Not A Name'],
    ['100,000 characters', 'x'.repeat(100_000)],
  ])('refuses %s', async (_what, zone) => {
    expect(await refusal(forget(zone))).toMatchObject(invalid('zone'))
  })

  test('refuses a zone that nobody knows', async () => {
    expect(await refusal(forget('nowhere'))).toMatchObject(notFound('zone'))
  })

  test('refuses a zone whose node is here', async () => {
    expect(await refusal(forget('local-1'))).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'FAILED_PRECONDITION',
      field: 'zone',
      metadata: { zone: 'local-1', node: 'local-1-a' },
    })
  })

  test('forgets one that is away, once, and again, and after a restart', async () => {
    await snapshotOf(2, 's')
    const restore = { name: 'r', zone: 'local-2', sourceSnapshot: 's' }
    await client.volumes.createVolume(restore)
    await world.signal('local-2', 'SIGKILL')
    await world.until('the zone is away', async () => {
      const { zones } = await client.topology.listZones({ name: 'local-2' })
      return zones[0]?.status === 'ZONE_STATUS_UNAVAILABLE'
    })
    const first = await forget('local-2')
    expect(first.volumesForgotten).toBe(1)
    expect(await forget('local-2')).toEqual({ pinsDropped: 0, volumesForgotten: 0 })
    expect((await objects.volumes()).map(({ name }) => name)).toEqual(['v'])
    expect(await stats()).toMatchObject({ pins: 0 })
    await world.killAndRestart('region')
    expect(await forget('local-2')).toEqual({ pinsDropped: 0, volumesForgotten: 0 })
    // Whoever comes back keeps what it has; nobody was told to delete anything.
    await world.start('local-2')
    await world.until('the zone is here', async () => {
      const { zones } = await client.topology.listZones({ name: 'local-2' })
      return zones[0]?.status === 'ZONE_STATUS_AVAILABLE'
    })
    expect((await objects.volumes()).map(({ name }) => name)).toEqual(['v'])
  }, 120_000)
})

describe('store-rebuild-catalog', () => {
  const rebuild = async (...args: readonly string[]) =>
    await world.ashlar(['store-rebuild-catalog', `${world.folder}/region`, ...args])

  test('touches nothing of a region that runs, and no catalog that is there', async () => {
    expect(await rebuild()).toMatchObject({ code: 4, stdout: '' })
    expect((await rebuild()).stderr).toContain('catalog.db exists')
    expect((await rebuild('--missing')).stderr).toContain('(in_use)')
    await world.signal('region', 'SIGTERM')
    expect((await rebuild()).stderr).toContain('catalog.db exists')
    await world.start('region')
    expect(await stats()).toMatchObject({ problems: [] })
  }, 60_000)

  test('says so where there is no store', async () => {
    const { code, stderr } = await world.ashlar(['store-rebuild-catalog', '/nowhere'])
    expect(code).toBe(3)
    expect(stderr).toContain('/nowhere/store is not a chunk store')
  })
})
