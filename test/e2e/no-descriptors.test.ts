// A node whose descriptors run out: hosts that are there are served on, orders are obeyed, newcomers wait,
// the log says so once, and the daemon rests meanwhile. Once there are some again the newcomers are served.

import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { Client } from '../../src/client/client.js'
import { MiB } from '../support/api.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

const newcomers = 12

let world: World
let client: Client
let uri = ''

beforeAll(async () => {
  world = await World.start({ zones: ['local-1'], poolCapacity: '64MiB' })
  client = new Client(world.endpoint)
  const zone = 'local-1'
  await client.volumes.createVolume({ name: 'v', zone, capacityBytes: `${4n * MiB}` })
  uri = (await client.attachments.createAttachment({ volume: 'v', host: 'h' })).nbdUnixUri
})
afterAll(async () => {
  client?.close()
  await world?.remove()
})

const block = (value: number) => Buffer.alloc(4096, value)

async function allowDescriptors(pid: number, count: number): Promise<void> {
  await must('prlimit', ['--pid', String(pid), `--nofile=${count}:`])
}

/** The limit with which it gets so many more: its descriptors have gaps. */
function limitFor(pid: number, more: number): number {
  const open = new Set(readdirSync(`/proc/${pid}/fd`).map(Number))
  let limit = 0
  for (let free = 0; free < more; limit++) if (!open.has(limit)) free++
  return limit
}

/** Of one core, in 1/100 s. */
function cpuTicks(pid: number): number {
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number)
  return user + system
}

test('hosts that are there are served on, newcomers wait for a descriptor', async () => {
  const pid = world.pid('local-1')
  const host = await NbdClient.connect(uri)
  const before = readFileSync(`/proc/${pid}/limits`, 'utf8').match(/Max open files +(\d+)/)?.[1]
  await allowDescriptors(pid, limitFor(pid, 3))
  const waiting = Array.from({ length: newcomers }, () => NbdClient.connect(uri))
  await world.until('it is said', () =>
    Promise.resolve(world.said('local-1').includes('no more descriptors')),
  )
  const ticks = cpuTicks(pid)
  const since = performance.now()
  for (let value = 1; value <= 20; value++) {
    await host.write(0, block(value))
    expect(await host.read(0, 4096)).toEqual(block(value))
    await sleep(50)
  }
  // An accept that is tried as often as it can be takes all of a core.
  const share = ((cpuTicks(pid) - ticks) * 10) / (performance.now() - since)
  expect(share).toBeLessThan(0.5)
  const name = 'another'
  await client.volumes.createVolume({ name, zone: 'local-1', capacityBytes: `${MiB}` })
  expect(world.said('local-1').match(/no more descriptors/g)).toHaveLength(1)

  await allowDescriptors(pid, Number(before))
  for (const newcomer of await Promise.all(waiting)) {
    expect(await newcomer.read(0, 4096)).toEqual(block(20))
    newcomer.close()
  }
  host.close()
}, 120_000)
