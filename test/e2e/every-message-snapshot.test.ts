// A snapshot and its deletion, with region or node killed, or their connection cut, at every message of
// the order, the pull, the commit and what follows it.

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newRequestId } from '../support/api.js'
import { type Operation, everyMessage, trialsOf } from '../support/every-message.js'
import { Random, seedOf } from '../support/random.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'
import { Wires } from '../support/wires.js'

const random = new Random(seedOf('every message of a snapshot'))
let region: WiredRegion
let wires: Wires
const kept: Taken[] = []
const hours = 12 * 3600_000

beforeAll(async () => {
  region = await WiredRegion.start(random, { zones: ['local-1', 'local-2'] })
  wires = new Wires()
  await wires.addNodes(region.world)
  await region.makeSubject()
  kept.push(await region.take())
})
afterAll(async () => {
  await region?.remove()
  wires?.close()
})

const snapshot: Operation = {
  name: 'snapshot',
  begin: async () => {
    await region.change()
    const name = region.newName('s')
    const { image, root } = await region.imageOf(name)
    const request = { sourceVolume: 'subject', name, requestId: newRequestId() }
    let id = ''
    return {
      run: async () => {
        const { snapshots } = region.client
        ;({ id } = await persist(async () => await snapshots.createSnapshot(request)))
        await region.stable(id)
        await region.sealed(id)
      },
      check: async () => {
        const again = await region.client.snapshots.createSnapshot(request)
        expect(again.id).toBe(id)
        kept.push({ id, name, image, root })
        for (const taken of kept) await region.restores(taken, 'local-2')
        // Now the base of the next one goes, now another.
        if (kept.length > 2) {
          const [gone] = kept.splice(Math.floor(random.below(kept.length)), 1)
          await region.deleteSnapshot(gone?.id ?? '')
        }
        await region.quiet()
      },
    }
  },
}

const deletion: Operation = {
  name: 'deletion',
  begin: async () => {
    await region.change()
    const gone = await region.take()
    await region.change()
    const stays = await region.take()
    const request = { snapshot: gone.id, requestId: newRequestId() }
    return {
      run: async () => {
        await persist(async () => await region.client.snapshots.deleteSnapshot(request))
        await region.quiet()
        await persist(async () => await region.client.operator.collectStore({}))
      },
      check: async () => {
        const names = (await region.objects.snapshots()).map(({ name }) => name)
        expect(names.sort()).toEqual([...kept, stays].map(({ name }) => name).sort())
        for (const taken of [...kept, stays]) await region.restores(taken, 'local-2')
        await region.deleteSnapshot(stays.id)
        await region.quiet()
      },
    }
  },
}

test.for([
  ['snapshot', snapshot, 5],
  ['deletion', deletion, 3],
] as const)('%s', { timeout: hours }, async ([, operation, inTests]) => {
  await everyMessage({ wires, operation, random, trials: trialsOf(inTests) })
})

test('in the end nothing is left', async () => await region.expectNothingLeft())
