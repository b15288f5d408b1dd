// Collection against everything that may run beside it. The oracle throughout: the content of every
// stable snapshot is in the store.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { Puller } from '../../../src/engine/puller.js'
import { keyOf } from '../../support/fake-store.js'
import { Random, seedOf } from '../../support/random.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
let next = 'one'
beforeEach(async () => {
  world = await RegionWorld.start()
  world.store.content = () => Buffer.from(next)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const snap = async (name: string, content: string) => {
  next = content
  return await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
}
const until = async (name: string) =>
  await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === 'stable' ? view : undefined
  }, `${name} stable`)
const stable = async (name: string, content: string) => {
  await snap(name, content)
  return await until(name)
}
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const collect = async () => await world.region.operator.collect()
const key = (content: string) => keyOf(Buffer.from(content))

/** Holds back what `hook` is called for, until it is let go. */
function barrier() {
  let letGo = () => undefined as void
  const open = new Promise<void>((resolve) => (letGo = resolve))
  let reached = () => undefined as void
  const arrived = new Promise<void>((resolve) => (reached = resolve))
  return {
    letGo: () => letGo(),
    arrived,
    pass: async (signal?: AbortSignal) => {
      reached()
      const aborted = new Promise<never>((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      aborted.catch(() => undefined)
      await Promise.race([open, aborted])
    },
  }
}

describe('a collection', () => {
  test('keeps what snapshots need and deletes the rest, in this order', async () => {
    await stable('s', 'one')
    await stable('t', 'two')
    await remove('s')
    expect(await collect()).toMatchObject({ generation: 1, packsDeleted: 1n })
    expect([...world.store.held]).toEqual([key('two')])
    expect(world.store.collecting.map(({ call }) => call)).toEqual(['begin', 'end'])
    expect(await world.catalog.read.meta.collectionGeneration()).toBe(2)
  })

  test('raises its counter before each reading of the roots', async () => {
    const seen: number[] = []
    world.store.beforeCollect = async () => {
      seen.push(await world.catalog.read.meta.collectionGeneration())
    }
    await collect()
    expect(seen).toEqual([1, 2])
  })

  test('keeps what a pin stands for when its snapshot is deleted', async () => {
    await stable('s', 'one')
    await world.region.volumes.create(
      volumeSpec({
        name: 'r',
        zone: 'zone-b',
        capacityBytes: undefined,
        sourceSnapshot: named('s'),
      }),
    )
    await remove('s')
    await collect()
    expect(world.store.held).toContain(key('one'))
    world.zones.b.origins.clear()
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(async () => (await world.catalog.read.pins.count()) === 0 || undefined)
    await collect()
    expect(world.store.held).not.toContain(key('one'))
  })

  test('keeps the base of a running job when that is deleted', async () => {
    await stable('s', 'one')
    const gate = barrier()
    world.pull = async (_receive, _open, signal) => {
      await gate.pass(signal)
      return { kind: 'complete' }
    }
    await snap('t', 'two')
    await gate.arrived
    await remove('s')
    const collected = collect()
    await world.until(() => world.store.collecting.length === 1 || undefined, 'begin')
    expect(world.store.collecting[0]?.roots).toContain(key('one'))
    gate.letGo()
    await collected
    await until('t')
    await collect()
    expect([...world.store.held]).toEqual([key('two')])
  })

  test('waits for the sessions begun before it: what they found is kept', async () => {
    await stable('s', 'one')
    const gate = barrier()
    world.pull = async (_receive, _open, signal) => {
      await gate.pass(signal)
      return { kind: 'complete' }
    }
    // It finds the content of s, which is deleted under it.
    await snap('t', 'one')
    await gate.arrived
    await remove('s')
    const base = await world.catalog.read.sessions.all()
    expect(base).toHaveLength(1)
    const collected = collect()
    await world.until(() => world.store.collecting.length === 1 || undefined, 'begin')
    gate.letGo()
    await until('t')
    await collected
    expect(world.store.held).toContain(key('one'))
  })

  test('does not wait for sessions that begin later: they miss the condemned', async () => {
    await stable('s', 'one')
    await stable('t', 'two')
    await remove('s')
    const end = barrier()
    world.store.beforeCollect = async (call) => {
      if (call === 'end') await end.pass()
    }
    const collected = collect()
    await end.arrived
    // The content of s is condemned: it has to come anew, and the old copy goes.
    const u = await stable('u', 'one')
    expect(u.storedBytes).toBe(3n)
    end.letGo()
    await collected
    expect(world.store.held).toEqual(new Set([key('one'), key('two')]))
  })

  test('runs once for each call, one after the other', async () => {
    const seen = await Promise.all([collect(), collect(), collect()])
    expect(seen.map(({ generation }) => generation)).toEqual([1, 3, 5])
    expect(world.store.collecting.map(({ call }) => call)).toEqual([
      'begin',
      'end',
      'begin',
      'end',
      'begin',
      'end',
    ])
  })

  test.each(['begin', 'end'] as const)('that fails in its %s deletes nothing', async (step) => {
    await stable('s', 'one')
    await remove('s')
    world.store.beforeCollect = (call) => {
      if (call === step) throw new AshlarError('CORRUPT', 'a node cannot be read')
    }
    await expect(collect()).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(world.store.held).toContain(key('one'))
    world.store.beforeCollect = () => undefined
    await collect()
    expect(world.store.held).not.toContain(key('one'))
  })

  test.each(['begin', 'end'] as const)('that is stopped in its %s begins anew', async (step) => {
    await stable('s', 'one')
    await stable('t', 'two')
    await remove('s')
    const gate = barrier()
    world.store.beforeCollect = async (call) => {
      if (call === step) await gate.pass()
    }
    const collected = collect()
    collected.catch(() => undefined)
    await gate.arrived
    const stopped = world.restart(() => (world.store.beforeCollect = () => undefined))
    gate.letGo()
    await stopped
    await expect(collected).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    expect(await collect()).toMatchObject({ packsDeleted: 1n })
    expect([...world.store.held]).toEqual([key('two')])
  })

  test('that is stopped while it waits for a session begins anew', async () => {
    await stable('s', 'one')
    const gate = barrier()
    world.pull = async (_receive, _open, signal) => {
      await gate.pass(signal)
      return { kind: 'complete' }
    }
    await snap('t', 'one')
    await gate.arrived
    const collected = collect()
    collected.catch(() => undefined)
    await world.until(() => world.store.collecting.length === 1 || undefined, 'begin')
    await world.restart(() => (world.pull = async () => ({ kind: 'complete' })))
    await expect(collected).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
    await until('t')
    await remove('s')
    await collect()
    expect([...world.store.held]).toEqual([key('one')])
  })

  test('keeps a root that is committed but not visible yet', async () => {
    const gate = barrier()
    world.store.beforeRecord = async () => await gate.pass()
    await snap('s', 'one')
    await gate.arrived
    await world.restartHard()
    // The record has no session any more: the row is what keeps the root.
    await collect()
    expect(world.store.collecting.map(({ roots }) => roots)).toEqual([[key('one')], [key('one')]])
    gate.letGo()
    await until('s')
    expect(world.store.held).toContain(key('one'))
  })
})

describe('a catalog that is older than its store', () => {
  const behind = async () => {
    await stable('s', 'one')
    await world.restart(() => (world.store.strangeGeneration = 7n))
  }

  test('says so, records nothing, and collects nothing', async () => {
    await behind()
    expect((await world.region.operator.stats()).problems).toMatchObject([
      { code: 'catalog_behind' },
    ])
    const refused = {
      code: 'CATALOG_BEHIND',
      message: expect.stringMatching(/after generation 1/) as string,
    }
    await expect(collect()).rejects.toMatchObject(refused)
    await expect(remove('s')).rejects.toMatchObject(refused)
    await world.restart()
    await expect(collect()).rejects.toMatchObject(refused)
    expect(world.store.collecting).toEqual([])
    expect(world.store.records.map(({ generation }) => generation)).toEqual([1n])
  })
})

describe('collection of its own accord', () => {
  test('comes after deletes that a former life left', async () => {
    await stable('s', 'one')
    expect(await world.catalog.read.meta.hasChangedSinceCollection()).toBe(true)
    await collect()
    expect(await world.catalog.read.meta.hasChangedSinceCollection()).toBe(false)
    await remove('s')
    expect(await world.catalog.read.meta.hasChangedSinceCollection()).toBe(true)
  })
})

test('collections race with snapshots, deletes, restores and restarts', async () => {
  const random = new Random(seedOf('collector'))
  const below = (bound: number) => Math.floor(random.below(bound))
  const pull: Puller['pull'] = async () => {
    await new Promise((resolve) => setTimeout(resolve, below(80)))
    return { kind: 'complete' }
  }
  world.pull = pull
  const names: string[] = []
  const collections: Promise<unknown>[] = []
  const check = async () => {
    const { rows } = await world.catalog.read.snapshots.page(
      { states: ['stable'] },
      { before: undefined, limit: 1000 },
    )
    for (const { name, manifest } of rows) {
      expect(world.store.held, name).toContain(manifest?.toString('hex'))
    }
    for (const { manifest } of await world.catalog.read.pins.all()) {
      expect(world.store.held).toContain(manifest.toString('hex'))
    }
  }
  // Its pin stays: the node never says that it has all of it.
  const restore = async (name: string | undefined) => {
    if (name === undefined || (await world.region.snapshots.get(named(name))).state !== 'stable')
      return
    const source = { capacityBytes: undefined, sourceSnapshot: named(name) }
    await world.region.volumes.create(volumeSpec({ zone: 'zone-b', ...source }))
  }
  for (let step = 0; step < 120; step++) {
    switch (below(6)) {
      case 0:
      case 1:
      case 2: {
        const name = `s${step}`
        await snap(name, `content ${below(4)}`)
        names.push(name)
        break
      }
      case 3: {
        const [name] = names.splice(below(names.length + 1), 1)
        if (name !== undefined) await remove(name)
        break
      }
      case 4:
        collections.push(collect().catch((error: unknown) => error))
        break
      default:
        if (below(4) === 0) await world.restart()
        else await restore(names[below(names.length)])
    }
    await check()
  }
  await Promise.all(collections)
  for (const name of names) await until(name)
  await collect()
  await check()
  const pins = (await world.catalog.read.pins.all()).map(({ manifest }) => manifest)
  const roots = [...pins, ...(await world.catalog.read.snapshots.manifests())]
  expect(world.store.held).toEqual(new Set(roots.map((manifest) => manifest.toString('hex'))))
}, 60_000)
