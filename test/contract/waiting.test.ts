// Whoever waits for a peer holds nothing that others need: however many channels have nothing to say, the
// addon does what else it is asked; and readers who wait are heard of.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { NbdClient } from '../../bench/nbd-client.js'
import { asAshlarError } from '../../src/base/error.js'
import { type ChannelHandle, type PoolHandle, native } from '../../src/native/binding.js'

const id = (number: number) => `r001-00000000-0000-0000-0000-${String(number).padStart(12, '0')}`
const volumeBytes = 16n << 20n

/** Of a snapshot with a tree that nobody has. */
function manifest(): Buffer {
  const bytes = Buffer.alloc(80)
  bytes.write('ASHLMAN1')
  for (const [index, number] of [1, 65_536, 64].entries())
    bytes.writeUInt32LE(number, 8 + 4 * index)
  bytes.writeBigUInt64LE(volumeBytes, 24)
  return bytes.fill(7, 48)
}

/** CANNOT, for the root of such a tree: (level 2, index 0). */
function refusedRoot(): Buffer {
  const frame = Buffer.alloc(52)
  frame.writeUInt8(10, 0)
  frame.writeUInt32LE(4, 4)
  frame.writeUInt8(2, 15)
  return frame
}

let folder: string
let pool: PoolHandle
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ash-'))
  pool = await native().openPool({ path: join(folder, 'pool'), capacityBytes: 64n << 20n })
})
afterEach(async () => {
  await native().closePool(pool)
  rmSync(folder, { recursive: true })
})

async function restore(number: number): Promise<void> {
  const origin = { snapshotId: id(2000 + number), manifest: manifest(), pinId: id(3000 + number) }
  const volumeId = id(1000 + number)
  await native().order(pool, { kind: 'createVolume', volumeId, bytes: volumeBytes, origin })
}

const codeOf = async (promise: Promise<unknown>) =>
  await promise.then(
    () => 'OK',
    (thrown: unknown) => asAshlarError(thrown).code,
  )

/** What it settles with; an upper bound that only a call that never settles meets. */
async function soon<T>(promise: Promise<T>): Promise<T | 'never'> {
  let timer: NodeJS.Timeout | undefined
  const never = new Promise<'never'>((resolve) => {
    timer = setTimeout(() => resolve('never'), 20_000)
  })
  return await Promise.race([promise, never]).finally(() => clearTimeout(timer))
}

test('200 pulls with nothing to say hold up no order, no frames and no end', async () => {
  const pulls = 200
  const channels: ChannelHandle[] = []
  for (let number = 0; number < pulls; number++) {
    await restore(number)
    const snapshotId = id(2000 + number)
    channels.push(await native().openHydration(pool, { snapshotId, lane: 'background' }))
  }
  // Each asks for its tree, and for nothing until that has come.
  for (const channel of channels) expect(await native().take(channel)).not.toBeNull()
  const takes = channels.map(async (channel) => await codeOf(native().take(channel)))
  const create = { kind: 'createVolume', volumeId: id(1), bytes: 1n << 20n } as const
  expect(await soon(codeOf(native().order(pool, create)))).toBe('OK')
  const [first, second] = channels
  if (first === undefined || second === undefined) throw new Error('no channels')
  expect(await soon(codeOf(native().give(first, Buffer.alloc(8))))).toBe('PROTOCOL')
  expect(await soon(takes[0] ?? Promise.resolve(''))).toBe('PROTOCOL')
  native().closeChannel(second)
  expect(await soon(takes[1] ?? Promise.resolve(''))).toBe('CANCELLED')
  expect(await soon(codeOf(native().closePool(pool)))).toBe('OK')
  expect(await soon(Promise.all(takes.slice(2)))).toEqual(Array(pulls - 2).fill('CANCELLED'))
  pool = await native().openPool({ path: join(folder, 'pool') })
})

test('a reader calls for a lane, once, and again when the lane ends without his bytes', async () => {
  await restore(0)
  const snapshotId = id(2000)
  const attachment = { attachmentId: id(1), volumeId: id(1000), host: 'h', readOnly: false }
  await native().order(pool, { kind: 'attach', ...attachment })
  const unixPath = join(folder, 'nbd')
  const server = await native().startNbd(pool, { unixPath })
  const called = native().takeDemand(pool)
  const host = await NbdClient.connect(`nbd+unix:///${id(1)}?socket=${unixPath}`)
  const reading = codeOf(host.read(0, 4096))
  expect(await soon(called)).toEqual([snapshotId])

  const lane = await native().openHydration(pool, { snapshotId, lane: 'demand', restMs: 60_000 })
  expect((await native().take(lane))?.readUInt8(0)).toBe(4) // WANT_NODE
  const again = native().takeDemand(pool)
  native().closeChannel(lane)
  expect(await soon(again)).toEqual([snapshotId])

  // A lane that yields waits for what it has asked for.
  const other = await native().openHydration(pool, { snapshotId, lane: 'demand', restMs: 60_000 })
  expect((await native().take(other))?.readUInt8(0)).toBe(4)
  await native().yieldChannel(other)
  const end = codeOf(native().take(other))
  expect(await soon(native().takeDemand(pool))).toEqual([snapshotId])
  native().closeChannel(other)
  expect(await soon(end)).toBe('CANCELLED')
  expect(await soon(native().takeDemand(pool))).toEqual([snapshotId])

  const last = await native().openHydration(pool, { snapshotId, lane: 'demand' })
  await native().take(last)
  expect(await soon(codeOf(native().give(last, refusedRoot())))).toBe('REMOTE_UNAVAILABLE')
  expect(await soon(reading)).not.toBe('OK')
  const none = codeOf(native().takeDemand(pool))
  await native().stopNbd(server, 0)
  await native().closePool(pool)
  expect(await soon(none)).toBe('SHUTTING_DOWN')
  pool = await native().openPool({ path: join(folder, 'pool') })
}, 60_000)

test('a lane for readers ends after its rest when nobody waits', async () => {
  await restore(0)
  const lane = await native().openHydration(pool, {
    snapshotId: id(2000),
    lane: 'demand',
    restMs: 50,
  })
  expect(await soon(native().take(lane))).toBeNull()
  native().closeChannel(lane)
})
