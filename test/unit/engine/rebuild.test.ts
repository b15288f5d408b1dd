// A catalog that is lost, or from yesterday: what the store's records bring back, and what the region
// does until every node has said what it needs.

import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { Catalog } from '../../../src/catalog/catalog.js'
import { applyRecords, regionOfRecords } from '../../../src/engine/region/upkeep/rebuild.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
  world.store.content = () => Buffer.from(`content ${world.pulls.length}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const stable = async (name: string, userTags: readonly string[] = []) => {
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name, userTags }))
  return await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === 'stable' ? view : undefined
  }, `${name} stable`)
}
const remove = async (name: string) =>
  await world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const restore = async (name: string, from: string) =>
  await world.region.volumes.create(
    volumeSpec({ name, zone: 'zone-b', capacityBytes: undefined, sourceSnapshot: named(from) }),
  )
const path = () => join(world.folder, 'catalog.db')

/** What the offline command does with a region that does not run. */
const apply = async (
  region: { name: string; number: number } | undefined,
  withoutDamaged = false,
) => {
  const catalog = await Catalog.open({ path: path(), region, newUuid: randomUUID })
  try {
    return await applyRecords(catalog, world.store.recordsRead, withoutDamaged)
  } finally {
    await catalog.close()
  }
}
const rebuild = async () =>
  await world.restart(async () => {
    rmSync(path())
    await apply(regionOfRecords(world.store.records))
  })
const adopted = async (name: string) =>
  await world.until(async () => await world.catalog.read.volumes.holdingName(name), name)
const names = async () =>
  (await world.region.snapshots.list({}, { before: undefined, limit: 100 })).rows.map(
    ({ name }) => name,
  )

describe('a lost catalog', () => {
  test('comes back with every snapshot as it was, and none that was deleted', async () => {
    const s = await stable('s', ['blue'])
    await stable('t')
    await remove('t')
    const u = await stable('u')
    const before = await world.region.snapshots.get(named('s'))
    await rebuild()
    expect(await names()).toEqual(['u', 's'])
    await adopted('v')
    const after = await world.region.snapshots.get(named('s'))
    expect(after).toEqual(before)
    expect(after).toMatchObject({ id: s.id, rootHex: s.rootHex })
    expect((await restore('r', 'u')).sourceSnapshot).toMatchObject({ id: u.id })
    // Generations go on where they were.
    await remove('s')
    expect(world.store.records.map(({ generation }) => generation)).toEqual([1n, 2n, 3n, 4n, 5n])
  })

  test('comes back with the names and tags of last', async () => {
    const s = await stable('s', ['blue'])
    await world.region.snapshots.update({
      snapshot: named('s'),
      name: 'other',
      userTags: ['red'],
      etag: '',
      requestId: '',
    })
    const again = await stable('s')
    const before = await world.region.snapshots.get(named('other'))
    await rebuild()
    await adopted('v')
    expect(await world.region.snapshots.get(named('other'))).toEqual(before)
    expect(before).toMatchObject({ id: s.id, labels: { userTags: ['red'] } })
    expect((await world.region.snapshots.get(named('s'))).id).toBe(again.id)
  })

  test('comes back with the name that was given while the commit was recorded', async () => {
    let isRenamed = false
    world.store.beforeRecord = async () => {
      if (isRenamed) return
      isRenamed = true
      const change = { etag: '', requestId: '' }
      await world.region.snapshots.update({ snapshot: named('s'), name: 'other', ...change })
    }
    await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name: 's' }))
    await world.until(async () => {
      const [row] = await world.catalog.read.snapshots.allStable()
      return row
    }, 'stable')
    await rebuild()
    expect(await names()).toEqual(['other'])
  })

  test('comes back with the volumes and attachments that the nodes have', async () => {
    await stable('s')
    const v = await world.region.volumes.get(named('v'))
    const r = await restore('r', 's')
    const attach = { readOnly: true, wantTcp: false, requestId: '' }
    const { id } = await world.region.attachments.create({
      volume: named('v'),
      host: 'h',
      ...attach,
    })
    const [pin] = await world.catalog.read.pins.all()
    await rebuild()
    await adopted('v')
    expect(await world.region.volumes.get(named('v'))).toMatchObject({
      id: v.id,
      zone: 'zone-a',
      status: 'available',
      capacityBytes: v.capacityBytes,
      attachmentIds: [id],
    })
    expect(await world.region.attachments.get(id)).toMatchObject({
      host: 'h',
      readOnly: true,
      state: 'attached',
    })
    // Nothing remembers its name.
    const found = async () => (await world.catalog.read.volumes.find(r.id)) ?? undefined
    const row = await world.until(found, 'the restored one')
    expect(row).toMatchObject({ node: 'node-b', hydrated: false })
    expect(row.source).toMatchObject({ kind: 'origin', snapshotName: 's', pinId: pin?.id })
    expect(row.name).toMatch(/^[a-z]+(-[a-z]+){3}$/)

    // They are as any others.
    await world.region.attachments.delete({ attachment: id, requestId: '' })
    await world.region.volumes.delete({ target: named('v'), etag: '', requestId: '' })
    expect(world.zones.a.volumes.size).toBe(0)
    // Once it is whole, what has no row is an orphan again.
    await world.region.operator.collect()
    world.zones.a.volumes.set(v.id, { volumeId: v.id, bytes: 1n << 26n, hydrated: true })
    world.zones.a.revision++
    world.zones.a.changed()
    await world.region.context.clock.sleep(100)
    expect(await world.catalog.read.volumes.find(v.id)).toBeUndefined()
  })

  test('gives a name twice recorded to the later snapshot', async () => {
    const s = await stable('s')
    await world.region.snapshots.update({
      snapshot: named('s'),
      name: 'other',
      etag: '',
      requestId: '',
    })
    // The daemon died before that was recorded.
    world.store.records.pop()
    const again = await stable('s')
    await rebuild()
    expect((await world.region.snapshots.get(named('s'))).id).toBe(again.id)
    expect((await world.region.snapshots.get({ kind: 'id', id: s.id })).name).toBe(
      `s-${s.id.slice(-12)}`,
    )
  })

  test('collects only when every node has said what it needs, and has its pins back', async () => {
    await stable('s')
    await restore('r', 's')
    const [pin] = await world.catalog.read.pins.all()
    world.zones.b.goAway()
    await rebuild()
    await expect(world.region.operator.collect()).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      metadata: { reason: 'catalog_recovering' },
    })
    expect(await world.catalog.read.pins.count()).toBe(0)
    world.zones.b.comeBack()
    await world.until(async () => (await world.catalog.read.pins.count()) === 1 || undefined)
    expect(await world.catalog.read.pins.all()).toMatchObject([
      { id: pin?.id, rootHex: pin?.rootHex, holder: 'node-b', state: 'held' },
    ])
    await remove('s')
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(1)
  })

  test('waits for a node that needs a deleted snapshot and does not say its manifest', async () => {
    await stable('s')
    await restore('r', 's')
    await remove('s')
    const { manifests } = world.zones.b
    const told = [...manifests]
    // A node of an older version does not.
    manifests.clear()
    await world.restartAlone(async () => {
      rmSync(path())
      await apply(regionOfRecords(world.store.records))
    })
    await world.until(() => {
      const state = world.region.context.links.get('node-b')?.state
      return state?.kind === 'away' && state.why.includes('needs snapshot') ? state : undefined
    }, 'node-b to be refused')
    await expect(world.region.operator.collect()).rejects.toMatchObject({
      metadata: { reason: 'catalog_recovering' },
    })
    for (const [snapshotId, manifest] of told) manifests.set(snapshotId, manifest)
    await world.until(
      async () => (await world.region.operator.stats()).problems.length === 0 || undefined,
    )
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(1)
  })
})

describe("yesterday's catalog", () => {
  test('gets what it missed, keeps its volumes, and collects again', async () => {
    const s = await stable('s')
    await stable('t')
    await world.restart(() => copyFileSync(path(), `${path()}.yesterday`))
    await remove('s')
    const u = await stable('u')
    await world.restart(() => renameSync(`${path()}.yesterday`, path()))
    expect(await names()).toEqual(['t', 's'])
    await expect(world.region.operator.collect()).rejects.toMatchObject({
      code: 'CATALOG_BEHIND',
    })
    await expect(remove('t')).rejects.toMatchObject({ code: 'CATALOG_BEHIND' })
    await world.restart(async () => {
      expect(await apply(undefined)).toEqual({ records: 2, generation: 4, damaged: 0 })
    })
    expect((await names()).sort()).toEqual(['t', 'u'])
    expect((await world.region.snapshots.get(named('u'))).rootHex).toBe(u.rootHex)
    expect((await world.region.volumes.get(named('v'))).status).toBe('available')
    await expect(world.region.snapshots.get({ kind: 'id', id: s.id })).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
    })
    await world.region.operator.collect()
    expect(world.store.held.size).toBe(2)
  })
})
