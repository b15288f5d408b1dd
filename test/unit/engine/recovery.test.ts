// A region whose catalog may not know all of it: what it refuses, what it takes over from its nodes,
// and when it is whole again.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { makeId } from '../../../src/base/ids.js'
import { Catalog } from '../../../src/catalog/catalog.js'
import { LostCatalog } from '../../support/lost-catalog.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'
import { FakeLink } from '../../support/two-regions.js'

let world: RegionWorld
let lost: LostCatalog
beforeEach(async () => {
  const peers = [new FakeLink().to('remote', 2, () => world)]
  world = await RegionWorld.start({ peers })
  lost = new LostCatalog(world)
  world.store.content = () => Buffer.from(`content ${world.pulls.length}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const again = { etag: '', requestId: '' }
const stable = async (name: string, volume = 'v') => {
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named(volume), name }))
  return await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === 'stable' ? view : undefined
  }, `${name} stable`)
}
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), ...again })
const restore = async (name: string, from: string) =>
  await world.region.volumes.create(
    volumeSpec({ name, zone: 'zone-b', capacityBytes: undefined, sourceSnapshot: named(from) }),
  )
const attach = async (volume: string, host = 'h') =>
  await world.region.attachments.create({
    volume: named(volume),
    host,
    readOnly: false,
    wantTcp: false,
    requestId: '',
  })
const create = async (name: string, zone: string) =>
  await world.region.volumes.create(volumeSpec({ name, zone }))
const generations = () => world.store.records.map(({ generation }) => generation)
const problem = async () => (await world.region.operator.stats()).problems[0]?.code
const isWhole = async () =>
  await world.until(async () => (await problem()) === undefined || undefined, 'whole')
const volumes = async () => {
  const page = { before: undefined, limit: 100 }
  return (await world.region.volumes.list({}, page)).rows.map(({ name }) => name).sort()
}
const rebuild = async () => await world.restart(async () => await lost.rebuild())

describe('a catalog that is behind its store', () => {
  const put = async () => {
    await stable('s')
    await world.restart(() => lost.keep())
    await stable('t')
    await world.restart(() => lost.putBack())
  }

  test('is read, and every change is refused', async () => {
    await put()
    const { attachments, clones, copies, operator, snapshots, volumes } = world.region
    expect(await snapshots.get(named('s'))).toMatchObject({ state: 'stable' })
    expect(await volumes.get(named('v'))).toMatchObject({ status: 'available' })
    const request = { copyId: makeId(2), region: 'remote' }
    const { crn } = await snapshots.get(named('s'))
    const changes = {
      createVolume: create('w', 'zone-a'),
      updateVolume: volumes.update({ volume: named('v'), name: 'w', ...again }),
      deleteVolume: volumes.delete({ target: named('v'), ...again }),
      attach: attach('v'),
      detach: attachments.delete({ attachment: makeId(1), requestId: 'r' }),
      snapshot: snapshots.create(snapshotSpec({ sourceVolume: named('v') })),
      rename: snapshots.update({ snapshot: named('s'), name: 'u', ...again }),
      delete: remove('s'),
      clone: clones.create({ snapshot: named('s'), zone: 'zone-b', requestId: '' }),
      dropClone: clones.delete({ snapshot: named('s'), zone: 'zone-b', requestId: '' }),
      forget: operator.forgetZone('zone-b'),
      collect: operator.collect(),
      openCopy: copies.open({ ...request, snapshotCrn: crn, copyCrn: crn, copyName: 'c' }),
      commitCopy: copies.commit({ ...request, copyName: 'c' }),
      releaseCopy: copies.release(request),
    }
    const answers = await Promise.all(
      Object.entries(changes).map(async ([what, change]) => {
        const code: unknown = await change.then(
          () => 'done',
          (thrown: { readonly code: string }) => thrown.code,
        )
        return [what, code] as const
      }),
    )
    expect(answers.filter(([, code]) => code !== 'CATALOG_BEHIND')).toEqual([])
    expect(generations()).toEqual([1n, 2n])
    await world.stop()
    await lost.apply()
    expect(await lost.snapshots()).toEqual(['s', 't'])
  })

  test('drives nothing on: what it left half done may have ended since', async () => {
    const { id } = await stable('s')
    await world.restart(async () => {
      await lost.change(
        async ({ snapshots }) => await snapshots.update(id, { state: 'committing' }),
      )
      lost.keep()
      await lost.change(async ({ snapshots }) => await snapshots.update(id, { state: 'stable' }))
    })
    await remove('s')
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(0)
    await world.restart(() => lost.putBack())
    await world.region.context.clock.sleep(100)
    await world.stop()
    await lost.apply()
    // The data is gone: a snapshot that stands again would have a hole.
    expect(await lost.snapshots()).toEqual([])
  })

  test('orders nothing, and lets nodes go on with what they fetch', async () => {
    await stable('s')
    await world.restart(() => lost.keep())
    await restore('r', 's')
    await stable('t')
    const [pin] = await world.catalog.read.pins.all()
    const orders = world.zones.b.orders.length
    await world.restart(() => lost.putBack())
    const { id: pinId = '', snapshotId = '' } = pin ?? {}
    const open = { snapshotId, pinId, site: 'node-b' }
    await world.until(async () => await world.region.source.open(open).catch(() => undefined), 'it')
    expect(world.zones.b.orders.length).toBe(orders)
  })
})

describe('a catalog made anew', () => {
  test('takes over all that nodes have, however early somebody collects', async () => {
    await stable('s')
    const { id } = await attach('v')
    // The first order to the node is not answered yet.
    let letGo = () => undefined as void
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    world.zones.a.before = async () => await gate
    await rebuild()
    await world.region.operator.collect().catch(() => undefined)
    letGo()
    await isWhole()
    await world.region.operator.collect()
    await world.until(async () => (await volumes()).includes('v') || undefined, 'the volume')
    expect(await world.region.attachments.get(id)).toMatchObject({ state: 'attached' })
  })

  test('makes a pin again whose snapshot was deleted', async () => {
    await stable('s')
    const { id } = await restore('r', 's')
    const [pin] = await world.catalog.read.pins.all()
    await remove('s')
    await rebuild()
    await isWhole()
    const { id: pinId, snapshotId, manifest, holder } = pin ?? {}
    expect(await world.catalog.read.pins.all()).toMatchObject([
      { id: pinId, snapshotId, manifest, holder, state: 'held' },
    ])
    expect(await world.catalog.read.volumes.find(id)).toMatchObject({ source: { pinId } })
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(1)
    world.zones.b.origins.clear()
    world.zones.b.volumes.set(id, { volumeId: id, bytes: 1n << 26n, hydrated: true })
    world.zones.b.revision++
    world.zones.b.changed()
    await world.until(async () => (await world.catalog.read.pins.count()) === 0 || undefined, 'it')
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(0)
  })

  test('waits for each zone, which takes part when all it has is known', async () => {
    await stable('s')
    await create('far', 'zone-b')
    await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('far'), name: 'f' }))
    await stable('g', 'far')
    const far = await world.region.volumes.get(named('far'))
    const { id: attachment } = await attach('far')
    const clone = { snapshot: named('s'), zone: 'zone-b', requestId: '' }
    await world.region.clones.create(clone)
    await world.until(() => world.zones.b.clones.size === 1 || undefined, 'the clone')
    world.zones.b.goAway()
    await rebuild()
    await world.until(async () => (await volumes()).includes('v') || undefined, 'zone-a')
    expect(await problem()).toBe('catalog_recovering')
    await expect(world.region.operator.collect()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/node-b.*zone-forget zone-b/) as string,
      metadata: { reason: 'catalog_recovering' },
    })
    // The other zone is as ever, and its callers take names.
    await create('far', 'zone-a')
    expect((await world.region.clones.create(clone)).available).toBe(false)
    await expect(create('late', 'zone-b')).rejects.toMatchObject({ code: 'REMOTE_UNAVAILABLE' })

    // It is not whole by a restart.
    await world.restart()
    expect(await problem()).toBe('catalog_recovering')
    const orders = world.zones.b.orders.length
    world.zones.b.comeBack()
    await isWhole()
    expect(await world.catalog.read.volumes.find(far.id)).toMatchObject({
      name: `far-${far.id.slice(-12)}`,
      node: 'node-b',
    })
    expect(await world.region.attachments.get(attachment)).toMatchObject({ host: 'h' })
    await create('late', 'zone-b')
    const [{ cloneId = '' } = {}] = world.zones.b.clones.values()
    expect(await world.catalog.read.clones.ofNode('node-b')).toMatchObject([{ id: cloneId }])
    expect(world.zones.b.clones.size).toBe(1)
    expect(world.zones.b.orders.slice(orders).map(({ kind }) => kind)).not.toContain('deleteVolume')
    await world.region.operator.collect()
  })

  test('is whole without a zone that is forgotten, which then has orphans', async () => {
    await stable('s')
    await create('far', 'zone-b')
    world.zones.b.goAway()
    await rebuild()
    expect(await problem()).toBe('catalog_recovering')
    await world.region.operator.forgetZone('zone-b')
    await isWhole()
    await world.restart()
    expect(await problem()).toBeUndefined()
    world.zones.b.comeBack()
    await world.until(
      () => world.region.context.links.get('node-b')?.state.kind === 'here' || undefined,
      'node-b',
    )
    await world.region.context.clock.sleep(100)
    expect(await volumes()).toEqual(['v'])
    expect(world.zones.b.volumes.size).toBe(1)
  })

  test('is made anew by a region that has no store, and has the volumes all the same', async () => {
    const { id } = await attach('v')
    await world.restart(() => lost.remove())
    await isWhole()
    expect((await volumes()).length).toBe(1)
    expect(await world.region.attachments.get(id)).toMatchObject({ state: 'attached' })
  })

  test('takes over what the nodes have of old rows too', async () => {
    const { id } = await attach('v', 'old')
    await stable('s')
    await world.restart(() => lost.keep())
    await world.region.attachments.delete({ attachment: id, requestId: '' })
    const grow = { volume: named('v'), capacityBytes: 128n << 20n, ...again }
    await world.region.volumes.update(grow)
    const now = await attach('v', 'new')
    await stable('t')
    await world.restart(async () => {
      lost.putBack()
      await lost.apply()
    })
    await isWhole()
    expect(await world.region.volumes.get(named('v'))).toMatchObject({
      capacityBytes: 128n << 20n,
      attachmentIds: [now.id],
    })
  })

  test('is right whenever the daemon dies on the way', async () => {
    await stable('s')
    const r = await restore('r', 's')
    const { id: attachment } = await attach('r')
    await world.region.clones.create({ snapshot: named('s'), zone: 'zone-a', requestId: '' })
    await world.until(() => world.zones.a.clones.size === 1 || undefined, 'the clone')
    await remove('s')
    await stable('t')
    const write = Object.getOwnPropertyDescriptor(Catalog.prototype, 'write')
      ?.value as Catalog['write']
    let isDone = false
    for (let lives = 0; !isDone; lives++) {
      expect(lives).toBeLessThan(40)
      await world.stop()
      await lost.rebuild()
      let left = lives
      // From here on the disk gets nothing of this life any more.
      Catalog.prototype.write = async function (this: Catalog, body) {
        if (left-- <= 0) throw new Error('killed')
        return await write.call(this, body)
      } as Catalog['write']
      try {
        await world.restartAlone()
        const isOver = async () => left < 0 || (await problem()) === undefined || undefined
        await world.until(isOver, 'its end')
        isDone = left >= 0
      } catch {
        expect(left).toBeLessThan(0) // it died while it started
      } finally {
        Catalog.prototype.write = write
      }
      await world.restart()
      await isWhole()
      expect(await world.catalog.read.volumes.find(r.id)).toMatchObject({ node: 'node-b' })
      expect(await world.region.attachments.get(attachment)).toMatchObject({ volume: { id: r.id } })
      expect((await volumes()).length).toBe(2)
      expect(await world.catalog.read.pins.count()).toBe(1)
    }
  })
})
