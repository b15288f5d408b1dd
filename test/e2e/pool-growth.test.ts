// A pool that is full grows under its guest, by its node's configuration; and again when it starts. One
// whose configuration says less does not start.

import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB } from '../support/api.js'
import { run } from '../support/tools.js'
import { World } from '../support/world.js'

let world: World
let client: Client
let uri: string
beforeAll(async () => {
  world = await World.start({ zones: ['local-1'], poolCapacity: '32MiB' })
  client = new Client(world.endpoint)
  const volume = { name: 'v', zone: 'local-1', capacityBytes: String(256n * MiB) }
  await client.volumes.createVolume(volume)
  uri = (await client.attachments.createAttachment({ volume: 'v', host: 'h' })).nbdUnixUri
})
afterAll(async () => {
  client?.close()
  await world?.remove()
})

/** How many of these MiB, from `first` on, are written and flushed before the pool is full. */
async function fill(first: number, count: number): Promise<number> {
  const commands = Array.from(
    { length: count },
    (_, at) => `write -P ${first + at} ${first + at}M 1M`,
  )
  const { stdout } = await run('qemu-io', [
    '-f',
    'raw',
    ...[...commands, 'flush'].flatMap((command) => ['-c', command]),
    uri,
  ])
  const said = stdout.split('\n').filter((line) => /^wrote|failed/.test(line))
  expect(said).toHaveLength(count)
  const held = said.findIndex((line) => line.includes('failed'))
  if (held >= 0) expect(said[held]).toContain('No space left on device')
  return held < 0 ? count : held
}

async function expectHeld(count: number): Promise<void> {
  const reads = Array.from({ length: count }, (_, at) => `read -P ${at} ${at}M 1M`)
  const commands = reads.flatMap((command) => ['-c', command])
  const { code, stdout } = await run('qemu-io', ['-r', '-f', 'raw', ...commands, uri])
  expect([code, stdout]).toEqual([0, expect.not.stringContaining('failed')])
}

async function untilShown(capacity: bigint): Promise<void> {
  await world.until('the region shows the capacity', async () => {
    const { zones } = await client.topology.listZones({})
    return zones[0]?.poolCapacityBytes === String(capacity)
  })
}

test('a full pool grows while it is in use, when it starts, and never back', async () => {
  let held = await fill(0, 40)
  expect(held).toBeLessThan(32)
  // Its configuration says no more yet.
  expect(await world.must('pool-grow', 'local-1-a')).toContain('the same')
  expect(await fill(held, 1)).toBe(0)

  world.setPoolCapacity('local-1', '64MiB')
  expect(await world.json('pool-grow', 'local-1-a')).toEqual({
    node: 'local-1-a',
    capacity_bytes: 64 << 20,
    capacity_before_bytes: 32 << 20,
  })
  await untilShown(64n * MiB)
  held += await fill(held, 24)
  expect(held).toBeGreaterThan(48)
  await expectHeld(held)

  world.setPoolCapacity('local-1', '96MiB')
  await world.killAndRestart('local-1')
  await untilShown(96n * MiB)
  expect(await fill(held, 16)).toBe(16)
  held += 16
  await expectHeld(held)

  world.setPoolCapacity('local-1', '95MiB')
  const refused = await world.ashlar(['pool-grow', 'local-1-a'])
  const sizes = /pool: pool_capacity is 95 MiB \(\d+ bytes\), less than the 96 MiB \(\d+ bytes\)/
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(sizes) })
  await world.signal('local-1', 'SIGTERM')
  await expect(world.start('local-1')).rejects.toThrow(sizes)

  world.setPoolCapacity('local-1', 'nonsense')
  await expect(world.start('local-1')).rejects.toThrow('pool_capacity: "nonsense"')
  world.setPoolCapacity('local-1', '96MiB')
  await world.start('local-1')
  world.setPoolCapacity('local-1', 'nonsense')
  await world.until('the node is here', async () => {
    const { stderr } = await world.ashlar(['pool-grow', 'local-1-a'])
    return stderr.includes('pool_capacity: "nonsense"')
  })
  world.setPoolCapacity('local-1', '96MiB')
  await expectHeld(held)
  await world.signal('local-1', 'SIGTERM')
  const report = await world.must('pool-check', join(world.folder, 'local-1', 'pool'))
  expect(report).toContain('sound')
})
