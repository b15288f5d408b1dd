// Who waits for whom when the region stores snapshots: nobody for another zone, nobody who was
// deleted, nobody for a pull that has stopped moving, and nobody for what cannot heal.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { AshlarError } from '../../../src/base/error.js'
import type { ErrorCode } from '../../../src/gen/errors.js'
import type { Puller } from '../../../src/engine/puller.js'
import { RegionWorld, hurriedClock, snapshotSpec, volumeSpec } from '../../support/region-world.js'

/** As many pulls at once as one zone may have. */
const pullsMax = 4

let world: RegionWorld
const named = (name: string) => ({ kind: 'name', name }) as const
const newVolume = async (name: string, zone = 'zone-a') =>
  await world.region.volumes.create(volumeSpec({ name, zone }))
const snap = async (volume: string) =>
  await world.region.snapshots.create(
    snapshotSpec({ sourceVolume: named(volume), name: `of-${volume}` }),
  )
const get = async (volume: string) => await world.region.snapshots.get(named(`of-${volume}`))
const remove = async (volume: string) =>
  await world.region.snapshots.delete({ target: named(`of-${volume}`), etag: '', requestId: '' })
const until = async (volume: string, state: string) =>
  await world.until(async () => {
    const view = await get(volume)
    return view.state === state ? view : undefined
  }, `the snapshot of ${volume} to be ${state}`)
const pullsOf = (id: string) => world.pulls.filter(({ snapshotId }) => snapshotId === id).length
const untilPulled = async (id: string, times = 1) =>
  await world.until(() => pullsOf(id) >= times || undefined, `pull ${times} of ${id}`)

/** Whatever hangs until its signal is aborted. */
const hanging: Puller['pull'] = async (_receive, _open, signal) =>
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

const complete: Puller['pull'] = async () => ({ kind: 'complete' })

afterEach(async () => await world.remove())

describe('while one zone has all the pulls it may have, and none of them ends,', () => {
  beforeEach(async () => {
    world = await RegionWorld.start()
    world.pull = hanging
    for (let i = 0; i < pullsMax; i++) {
      await newVolume(`v${i}`)
      await untilPulled((await snap(`v${i}`)).id)
    }
    await newVolume('late')
  })

  test('a snapshot that waits for its turn is deleted at once', async () => {
    const { id } = await snap('late')
    await systemClock.sleep(50)
    expect(pullsOf(id)).toBe(0)
    expect(await remove('late')).toBeUndefined()
    await expect(get('late')).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    expect(pullsOf(id)).toBe(0)
  })

  test('its place is taken by the next one, in order', async () => {
    const { id: first } = await snap('late')
    await newVolume('later')
    const { id: second } = await snap('later')
    await remove('late')
    await remove('v0')
    await untilPulled(second)
    expect(pullsOf(first)).toBe(0)
  })

  test('another zone goes on', async () => {
    world.pull = complete
    await newVolume('elsewhere', 'zone-b')
    await snap('elsewhere')
    await until('elsewhere', 'stable')
    expect((await get('v0')).state).toBe('pending')
  })
})

describe('a pull that has stopped moving', () => {
  beforeEach(async () => {
    // A minute is 200 ms.
    world = await RegionWorld.start({ clock: hurriedClock(300) })
    await newVolume('v')
  })

  test('is ended, said so, and tried again', async () => {
    const { id } = await (async () => {
      world.pull = hanging
      return await snap('v')
    })()
    await untilPulled(id, 2)
    expect(await get('v')).toMatchObject({
      state: 'pending',
      reasons: [{ code: 'zone_unreachable', message: `the pull of ${id} has not moved for 60 s` }],
    })
    world.pull = complete
    await until('v', 'stable')
  })

  test('makes room for the next one', async () => {
    world.pull = hanging
    for (let i = 0; i < pullsMax; i++) {
      await newVolume(`v${i}`)
      await untilPulled((await snap(`v${i}`)).id)
    }
    const { id } = await snap('v')
    world.pull = complete
    await untilPulled(id)
    await until('v', 'stable')
  })

  test('is not one that moves slowly', async () => {
    let moved = 0n
    world.pull = async (receive, open, signal) => {
      while (moved < 40n) {
        await systemClock.sleep(15, signal)
        world.store.progress = { doneBytes: ++moved, totalBytes: 0n }
      }
      return await complete(receive, open, signal)
    }
    const { id } = await snap('v')
    await until('v', 'stable')
    expect(pullsOf(id)).toBe(1)
  })
})

describe('a pull that fails', () => {
  beforeEach(async () => {
    world = await RegionWorld.start({ clock: hurriedClock(10) })
    await newVolume('v')
  })
  const failWith = (code: ErrorCode) => {
    world.pull = async () => {
      throw new AshlarError(code, 'why')
    }
  }

  test.each([
    ['INVALID_ARGUMENT', 1],
    ['TOO_LARGE', 1],
    ['SNAPSHOT_FAILED', 1],
    ['PROTOCOL', 3],
    ['CORRUPT', 3],
  ] as const)('with %s, which cannot heal, is given up after %i', async (code, attempts) => {
    failWith(code)
    const { id } = await snap('v')
    expect((await until('v', 'failed')).reasons).toMatchObject([{ message: 'why' }])
    expect(pullsOf(id)).toBe(attempts)
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the drop')
  })

  test.each(['NO_SPACE', 'DEVICE_FAILED', 'INTERNAL', 'REMOTE_UNAVAILABLE'] as const)(
    'with %s, which can, is tried until it has healed',
    async (code) => {
      failWith(code)
      const { id } = await snap('v')
      await untilPulled(id, 5)
      world.pull = complete
      await until('v', 'stable')
    },
  )
})
