// A copy to another region and its deletion, with either region killed, or the connection between them
// cut, at every message of open, pull, commit and release.

import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newRequestId } from '../support/api.js'
import { type Operation, everyMessage, trialsOf } from '../support/every-message.js'
import { Random, seedOf } from '../support/random.js'
import { type Taken, WiredRegion, persist } from '../support/wired-region.js'
import { Wires } from '../support/wires.js'
import { World } from '../support/world.js'

const random = new Random(seedOf('every message of a copy'))
const hours = 12 * 3600_000
let here: WiredRegion
let there: WiredRegion
let wires: Wires

beforeAll(async () => {
  const [one, two] = [World.makeFolder(), World.makeFolder()]
  const peer = (name: string, number: number, folder: string) => {
    const socket = join(folder, `to-${name}.wire`)
    return { socket, options: { folder, peers: [{ name, number, address: `unix:${socket}` }] } }
  }
  const remote = peer('remote', 2, one)
  const local = peer('local', 1, two)
  here = await WiredRegion.start(random, { zones: ['local-1'], ...remote.options })
  there = await WiredRegion.start(random, {
    zones: ['remote-1'],
    region: { name: 'remote', number: 2 },
    ...local.options,
  })
  wires = new Wires()
  for (const { world } of [here, there]) await wires.addNodes(world)
  await wires.addPeer(remote.socket, here.world, there.world)
  await wires.addPeer(local.socket, there.world, here.world)
  await here.makeSubject()
})
afterAll(async () => {
  await here?.remove()
  await there?.remove()
  wires?.close()
})

async function copiesOf({ id }: Taken): Promise<readonly string[]> {
  const { copies } = await here.client.snapshots.getSnapshot({ snapshot: id })
  return copies.map(({ snapshot }) => snapshot?.id ?? '')
}

/** The source knows its copy, and keeps no pin for it. */
async function isKnown(source: Taken, copies: readonly string[]): Promise<void> {
  const isSo = async () => (await copiesOf(source)).join() === copies.join()
  await here.world.until(`copies[] is [${copies.join()}]`, isSo, 60_000)
  await here.quiet()
}

/** `base`: the one before it was copied, and stays. */
const copy = (name: string, base: boolean): Operation => ({
  name,
  only: ['remote to local', 'local to remote'],
  begin: async () => {
    const { snapshots } = there.client
    const make = async (source: Taken, requestId: string, copyName: string) => {
      const { crn } = await here.client.snapshots.getSnapshot({ snapshot: source.id })
      const request = { sourceSnapshotCrn: crn, name: copyName, requestId }
      return await persist(async () => await snapshots.createSnapshot(request))
    }
    const before: { source: Taken; copy: Taken }[] = []
    if (base) {
      await here.change()
      const source = await here.take()
      const { id } = await make(source, newRequestId(), there.newName('c'))
      expect((await there.stable(id)).root).toBe(source.root)
      await isKnown(source, [id])
      before.push({ source, copy: { ...source, id } })
    }
    await here.change()
    const source = await here.take()
    await here.sealed(source.id)
    const [requestId, copyName] = [newRequestId(), there.newName('c')]
    const deleteCopy = newRequestId()
    let id = ''
    return {
      run: async () => {
        ;({ id } = await make(source, requestId, copyName))
        expect((await there.stable(id)).root).toBe(source.root)
        await isKnown(source, [id])
        await there.restores({ ...source, id }, 'remote-1')
        await there.quiet()
        await persist(
          async () => await snapshots.deleteSnapshot({ snapshot: id, requestId: deleteCopy }),
        )
        await isKnown(source, [])
      },
      check: async () => {
        for (const { copy } of before) await there.restores(copy, 'remote-1')
        for (const { source, copy } of before) {
          await isKnown(source, [copy.id])
          await there.deleteSnapshot(copy.id)
          await isKnown(source, [])
          await here.deleteSnapshot(source.id)
        }
        await here.deleteSnapshot(source.id)
        for (const region of [here, there]) {
          await region.quiet()
          await persist(async () => await region.client.operator.collectStore({}))
        }
        expect(await there.objects.snapshots()).toEqual([])
      },
    }
  },
})

test.for([
  ['copy', copy('copy', false), 3],
  ['copy of what changed', copy('copy of what changed', true), 3],
] as const)('%s', { timeout: hours }, async ([, operation, inTests]) => {
  await everyMessage({ wires, operation, random, trials: trialsOf(inTests) })
})

test('in the end nothing is left', async () => {
  await here.expectNothingLeft()
  await there.expectNothingLeft()
})
