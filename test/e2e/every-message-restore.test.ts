// A restore and a fast-restore clone, with region or node killed, or their connection cut, at every message
// of the orders and of what is fetched.

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newRequestId } from '../support/api.js'
import { type Operation, everyMessage, trialsOf } from '../support/every-message.js'
import { Random, seedOf } from '../support/random.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'
import { Wires } from '../support/wires.js'

const random = new Random(seedOf('every message of a restore'))
const hours = 12 * 3600_000
const zone = 'local-2'
let region: WiredRegion
let wires: Wires
let taken: Taken
let next: Taken

beforeAll(async () => {
  region = await WiredRegion.start(random, { zones: ['local-1', zone] })
  wires = new Wires()
  await wires.addNodes(region.world)
  await region.makeSubject()
  taken = await region.take()
  await region.change()
  next = await region.take()
})
afterAll(async () => {
  await region?.remove()
  wires?.close()
})

async function whole(volume: string): Promise<void> {
  const { volumes } = region.client
  const isWhole = async () => {
    const { healthState } = await volumes.getVolume({ volume })
    return healthState === 'VOLUME_HEALTH_STATE_OK'
  }
  await region.world.until(`${volume} is whole`, isWhole, 60_000)
}

const restore: Operation = {
  name: 'restore',
  begin: async () => {
    const name = region.newName('v')
    const request = { name, zone, sourceSnapshot: taken.id, requestId: newRequestId() }
    const create = async () =>
      await persist(async () => await region.client.volumes.createVolume(request))
    return {
      run: async () => {
        await create()
        // While it is fetched in the background; who asks again and again gets it in the end.
        await region.isEqual(name, taken.image)
        await whole(name)
        await region.quiet()
      },
      check: async () => {
        expect((await create()).name).toBe(name)
        await region.isEqual(name, taken.image)
        await region.deleteVolume(name)
        await region.quiet()
      },
    }
  },
}

/** Of the next snapshot, from the clone of the one before it, and from nothing. */
const clone = (name: string, of: () => Taken, base: () => Taken | undefined): Operation => ({
  name,
  begin: async () => {
    const { snapshots } = region.client
    const available = async (snapshot: string) =>
      await region.world.until(
        'the clone is available',
        async () => (await snapshots.getSnapshotClone({ snapshot, zone })).available,
        60_000,
      )
    const create = async (snapshot: string, requestId: string) => {
      await persist(async () => await snapshots.createSnapshotClone({ snapshot, zone, requestId }))
      await available(snapshot)
    }
    const remove = async (snapshot: string, requestId: string) =>
      await persist(async () => await snapshots.deleteSnapshotClone({ snapshot, zone, requestId }))
    const before = base()
    if (before !== undefined) await create(before.id, newRequestId())
    const target = of()
    const requestId = newRequestId()
    const deleteId = newRequestId()
    return {
      run: async () => {
        await create(target.id, requestId)
        await region.quiet()
        await isWholeWithoutRegion(target)
        await remove(target.id, deleteId)
        await region.quiet()
      },
      check: async () => {
        await remove(target.id, deleteId)
        const { clones } = await snapshots.listSnapshotClones({ snapshot: target.id })
        expect(clones).toEqual([])
        if (before !== undefined) {
          await isWholeWithoutRegion(before)
          await remove(before.id, newRequestId())
        }
        await region.quiet()
        await region.restores(target, zone)
      },
    }
  },
})

/** A volume from the clone has its bytes at once. */
async function isWholeWithoutRegion({ id, image }: Taken): Promise<void> {
  const name = region.newName('v')
  const request = { name, zone, sourceSnapshot: id, requestId: newRequestId() }
  const { volumes } = region.client
  const created = await persist(async () => await volumes.createVolume(request))
  // Another health than of one that is fetched, whatever the node just does.
  const reasons = created.healthReasons.map(({ code }) => code)
  expect(reasons).not.toContain('initializing_from_snapshot')
  await region.isEqual(name, image)
  await region.deleteVolume(name)
}

test.for([
  ['restore', restore, 10],
  [
    'clone',
    clone(
      'clone',
      () => next,
      () => undefined,
    ),
    6,
  ],
  [
    'clone from a clone',
    clone(
      'clone from a clone',
      () => next,
      () => taken,
    ),
    6,
  ],
] as const)('%s', { timeout: hours }, async ([, operation, inTests]) => {
  await everyMessage({ wires, operation, random, trials: trialsOf(inTests) })
})

test('in the end nothing is left', async () => await region.expectNothingLeft())
