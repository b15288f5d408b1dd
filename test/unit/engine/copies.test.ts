// Copies between two regions, step by step: what each failure, restart and delete in the middle
// leaves on either side.

import { randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type Clock, systemClock } from '../../../src/base/clock.js'
import { parseCrn } from '../../../src/base/crn.js'
import { AshlarError } from '../../../src/base/error.js'
import { Catalog } from '../../../src/catalog/catalog.js'
import type { SnapshotView } from '../../../src/engine/region/objects/views.js'
import { applyRecords } from '../../../src/engine/region/upkeep/rebuild.js'
import { type RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'
import { type FakeLink, TwoRegions } from '../../support/two-regions.js'

let regions: TwoRegions
let here: RegionWorld
let there: RegionWorld
let link: FakeLink
let source: SnapshotView
const requestId = '6f9619ff-8b86-4011-b42d-00c04fc964ff'
const operatingSystem = {
  name: 'debian-12',
  vendor: 'Debian',
  version: '12',
  family: 'Debian GNU/Linux',
  architecture: 'amd64',
  displayName: 'Debian GNU/Linux 12',
}

/** How much more time has passed in `here`, by the clock that never jumps. */
let passedMs = 0
const clock: Clock = {
  ...systemClock,
  monotonicMs: () => systemClock.monotonicMs() + passedMs,
}

beforeEach(async () => {
  passedMs = 0
  regions = await TwoRegions.start(clock)
  ;({ here, there, link } = regions)
  await here.region.volumes.create(volumeSpec({ name: 'v', operatingSystem }))
  source = await take('s')
})
afterEach(async () => await regions.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const unavailable = new AshlarError('REMOTE_UNAVAILABLE', 'lost')
const never = new Promise<never>(() => undefined)

async function take(name: string, content = name): Promise<SnapshotView> {
  here.store.content = () => Buffer.from(content)
  await here.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
  return await reaches(here, name, 'stable')
}
const reaches = async (world: RegionWorld, name: string, state: SnapshotView['state']) =>
  await world.until(async () => {
    const view = await world.region.snapshots.get(named(name))
    return view.state === state ? view : undefined
  }, `${name} ${state}`)
const copy = (name = 'c', change = {}) =>
  there.region.snapshots.copy({
    source: parseCrn(source.crn),
    cloneZones: [],
    name,
    userTags: ['tag'],
    resourceGroup: 'default',
    requestId: '',
    ...change,
  })
const stable = (name = 'c') => reaches(there, name, 'stable')
const get = (name = 'c') => there.region.snapshots.get(named(name))
const remove = (world: RegionWorld, name: string) =>
  world.region.snapshots.delete({ target: named(name), etag: '', requestId: '' })
const shown = async () => (await here.region.snapshots.get(named('s'))).copies
const copyPins = async () =>
  (await here.catalog.read.pins.all()).filter(({ purpose }) => purpose === 'copy')
const settled = async () => {
  await here.until(async () => (await shown()).length === 1 || undefined, 'copies[]')
  expect(await copyPins()).toEqual([])
}
const failOnce = (when: 'before' | 'after', what: string, error = unavailable) => {
  let failed = false
  link[when] = (call) => {
    if (call !== what || failed) return
    failed = true
    throw error
  }
}

describe('a copy', () => {
  test('is pinned, pulled, committed, and known on both sides', async () => {
    let pinned: unknown
    link.move = async () => {
      pinned = await copyPins()
    }
    const accepted = await copy()
    expect(['waiting', 'pending', 'stable']).toContain(accepted.state)
    const view = await stable()
    expect(pinned).toMatchObject([{ holder: 'remote', objectId: view.id, snapshotId: source.id }])
    expect(view).toMatchObject({
      rootHex: source.rootHex,
      capturedNs: source.capturedNs,
      minimumCapacityBytes: 64n << 20n,
      labels: { userTags: ['tag'], operatingSystem },
      sourceSnapshot: { id: source.id, crn: source.crn, name: 's', remoteRegion: 'local' },
    })
    const volumeId = source.sourceVolume?.id ?? ''
    expect(view.sourceVolume).toEqual({
      id: volumeId,
      crn: `crn:v1:ashlar:public:is:zone-a:a/local::volume:${volumeId}`,
      name: `-remote-${volumeId.slice(-12)}`,
      deleted: false,
      remoteRegion: 'local',
    })
    await settled()
    const snapshot = { id: view.id, crn: view.crn, name: 'c', remoteRegion: 'remote' }
    expect(await shown()).toMatchObject([{ snapshot }])
    expect(await there.catalog.read.sessions.all()).toEqual([])
    expect(there.store.records.map(({ kind }) => kind)).toEqual(['commit'])
  })

  test('builds on the newest snapshot of the same volume', async () => {
    await copy('one')
    await stable('one')
    source = await take('t')
    await copy('two')
    await stable('two')
    const root = (await get('one')).rootHex
    expect(there.store.treeIngests.map(({ baseRootHex }) => baseRootHex)).toEqual([undefined, root])
    expect(here.store.sources.map(({ baseRootHex }) => baseRootHex)).toEqual([undefined, root])
  })

  test('is pulled without a base that the source no longer has', async () => {
    await copy('one')
    await stable('one')
    await remove(here, 's')
    source = await take('t')
    await copy('two')
    await stable('two')
    expect(link.pulls[1]).toMatchObject({ baseSnapshotId: expect.any(String) })
    expect(there.store.treeIngests[1]?.baseRootHex).toBeUndefined()
  })

  test('of content that is here is stable without a pull', async () => {
    await copy('one')
    await stable('one')
    const { length } = link.pulls
    await copy('two')
    await stable('two')
    expect(link.pulls).toHaveLength(length)
    await here.until(async () => (await shown()).length === 2 || undefined, 'both copies')
    expect((await get('two')).storedBytes).toBe(0n)
  })

  test('home again shows the volume that is here', async () => {
    await copy()
    const view = await stable()
    await here.region.snapshots.copy({
      source: parseCrn(view.crn),
      cloneZones: [],
      name: 'home',
      userTags: [],
      resourceGroup: 'default',
      requestId: '',
    })
    const home = await reaches(here, 'home', 'stable')
    expect(home.sourceVolume).toEqual(source.sourceVolume)
    expect(regions.back.pulls).toEqual([])
    expect(home.sourceSnapshot).toMatchObject({ name: 'c', remoteRegion: 'remote' })
  })

  test('gets its clones', async () => {
    await copy('c', { cloneZones: ['zone-b'] })
    const { id } = await stable()
    await there.until(() => there.zones.b.clones.size === 1 || undefined, 'the clone')
    expect(there.zones.b.orders.at(-1)).toMatchObject({ kind: 'createClone', snapshotId: id })
  })

  test('repeats the first answer of a request_id', async () => {
    const first = await copy('c', { requestId })
    await stable()
    expect(await copy('c', { requestId })).toEqual(first)
    await expect(copy('d', { requestId })).rejects.toMatchObject({ code: 'ID_REUSED' })
  })

  test('answers a request_id whose answer was never kept', async () => {
    await copy('c', { requestId })
    const { id } = await stable()
    await there.catalog.write(async (tables) => {
      const row = await tables.requests.find(requestId)
      await tables.requests.removeOf(id)
      if (row !== undefined) await tables.requests.insert({ ...row, answer: undefined })
    })
    expect(await copy('c', { requestId })).toMatchObject({ id, state: 'stable' })
  })

  test('restores once it is stable', async () => {
    link.move = async () => await never
    await copy()
    const restore = { name: 'r', capacityBytes: undefined, sourceSnapshot: named('c') }
    await expect(there.region.volumes.create(volumeSpec(restore))).rejects.toMatchObject({
      code: 'SNAPSHOT_PENDING',
    })
    link.move = async () => undefined
    await there.restart()
    await stable()
    const volume = await there.region.volumes.create(volumeSpec(restore))
    expect(volume).toMatchObject({ health: 'degraded', labels: { operatingSystem } })
  })

  test('is found by its source, and its source by its region', async () => {
    await copy()
    await stable()
    await settled()
    const page = { before: undefined, limit: 10 }
    const names = async (world: RegionWorld, filter: object) =>
      (await world.region.snapshots.list(filter, page)).rows.map(({ name }) => name)
    expect(await names(there, { sourceSnapshotId: source.id })).toEqual(['c'])
    expect(await names(here, { copyRegion: 'remote' })).toEqual(['s'])
    expect(await names(here, { copyRegion: 'local' })).toEqual([])
  })

  test('that is renamed is renamed at its source', async () => {
    await copy()
    await stable()
    await settled()
    const change = { snapshot: named('c'), name: 'd', etag: '', requestId: '' }
    await there.region.snapshots.update(change)
    await here.until(async () => (await shown())[0]?.snapshot.name === 'd' || undefined, 'the name')
  })
})

describe('what the source refuses', () => {
  test.each([
    ['SNAPSHOT_NOT_FOUND', async () => await remove(here, 's')],
    [
      'SNAPSHOT_PENDING',
      async () => {
        here.pull = async () => {
          throw unavailable
        }
        source = await here.region.snapshots.create(
          snapshotSpec({ sourceVolume: named('v'), name: 'p' }),
        )
      },
    ],
  ] as const)('at once is thrown and leaves nothing: %s', async (code, prepare) => {
    await prepare()
    await expect(copy('c', { requestId })).rejects.toMatchObject({ code })
    await expect(get()).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
    expect(await there.catalog.read.requests.find(requestId)).toBeUndefined()
  })

  test('later fails the copy, which can be deleted', async () => {
    link.goAway()
    await copy()
    await remove(here, 's')
    link.away = undefined
    const failed = await reaches(there, 'c', 'failed')
    expect(failed.reasons).toMatchObject([{ code: 'source_snapshot_deleted' }])
    expect(await remove(there, 'c')).toBeUndefined()
  })

  test('to a region that is no peer', async () => {
    const request = {
      copyId: source.id,
      snapshotCrn: source.crn,
      region: 'other',
      copyCrn: source.crn,
      copyName: 'c',
    }
    await expect(here.region.copies.open(request)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    })
  })
})

describe('a link that fails', () => {
  test.each(['before', 'after'] as const)(
    '%s any message only delays the copy',
    async (when) => {
      for (const call of ['open', 'pull', 'commit']) {
        failOnce(when, call)
        const name = `${call}-${when}`
        source = await take(`s-${name}`)
        await copy(name)
        expect((await stable(name)).rootHex).toBe(source.rootHex)
        await here.until(
          async () =>
            (await here.region.snapshots.get(named(`s-${name}`))).copies.length === 1 || undefined,
          `${name} in copies[]`,
        )
        expect(await copyPins()).toEqual([])
      }
    },
    30_000,
  )

  test('at the start is waited for, with a reason', async () => {
    link.goAway()
    expect(await copy()).toMatchObject({ state: 'waiting', sourceVolume: undefined })
    expect(await get()).toMatchObject({
      state: 'waiting',
      reasons: [{ code: 'region_unreachable' }],
      sourceSnapshot: { id: source.id, name: `-remote-${source.id.slice(-12)}` },
    })
    link.away = undefined
    expect((await stable()).reasons).toEqual([])
  })

  test('in the middle of the pull is waited for, with a reason', async () => {
    link.move = async () => {
      throw unavailable
    }
    await copy()
    await there.until(
      async () => (await get()).reasons[0]?.code === 'region_unreachable' || undefined,
    )
    expect((await get()).state).toBe('pending')
    link.move = async () => undefined
    await stable()
  })

  test('does not keep a release from being told', async () => {
    await copy()
    await stable()
    await settled()
    link.goAway()
    expect(await remove(there, 'c')).toBeUndefined()
    expect(await shown()).toHaveLength(1)
    await there.restart()
    link.away = undefined
    await here.until(async () => (await shown()).length === 0 || undefined, 'the release')
    const owed = async () => await there.catalog.read.peerOrders.ofPeer('local')
    await there.until(async () => (await owed()).length === 0 || undefined, 'the answer')
  })
})

test('copies[] are in the records: a catalog made from those shows them, by their last names', async () => {
  await copy('c')
  await copy('d')
  await stable('c')
  await stable('d')
  await here.until(async () => (await shown()).length === 2 || undefined, 'copies[]')
  await there.region.snapshots.update({
    snapshot: named('c'),
    name: 'renamed',
    etag: '',
    requestId: '',
  })
  await here.until(
    async () => (await shown()).some(({ snapshot }) => snapshot.name === 'renamed') || undefined,
    'the new name',
  )
  await remove(there, 'd')
  await here.until(async () => (await shown()).length === 1 || undefined, 'the release')
  const before = await shown()
  // The record is written after the answer's row.
  await here.until(() => JSON.parse(String(here.store.records.at(-1)?.row)).copies.length === 1)
  await here.restart(async () => {
    rmSync(join(here.folder, 'catalog.db'))
    const region = { name: 'local', number: 1 }
    const catalog = await Catalog.open({
      path: join(here.folder, 'catalog.db'),
      region,
      newUuid: randomUUID,
    })
    await applyRecords(catalog, here.store.recordsRead)
    await catalog.close()
  })
  expect(await shown()).toEqual(before)
})

describe('content that stays wrong', () => {
  test('fails the copy, and the pin goes', async () => {
    link.move = async () => {
      throw new AshlarError('CORRUPT', 'chunk 7')
    }
    await copy()
    const failed = await reaches(there, 'c', 'failed')
    expect(failed.reasons).toEqual([{ code: 'corrupt', message: 'chunk 7' }])
    await here.until(async () => (await copyPins()).length === 0 || undefined, 'the pin to go')
  })

  test('of another size is never taken over', async () => {
    const open = here.region.copies.open.bind(here.region.copies)
    here.region.copies.open = async (request) => {
      const opened = await open(request)
      const manifest = Buffer.from(opened.manifest)
      manifest.writeBigUInt64LE(1n << 30n, 24)
      return { ...opened, manifest }
    }
    await expect(copy()).rejects.toMatchObject({ code: 'PROTOCOL' })
  })
})

describe('a restart', () => {
  test.each([
    ['before', 'open'],
    ['after', 'open'],
    ['before', 'pull'],
    ['after', 'pull'],
    ['before', 'commit'],
    ['after', 'commit'],
  ] as const)('of the copying region %s %s goes on', async (when, what) => {
    link[when] = (call) => (call === what ? never : undefined)
    copy().catch(() => undefined)
    await there.until(() => link.calls.includes(what) || undefined, what)
    await there.restart(() => {
      link[when] = () => undefined
    })
    expect((await stable()).rootHex).toBe(source.rootHex)
    await settled()
  })

  test('of the source goes on', async () => {
    link.move = async () => {
      throw unavailable
    }
    await copy()
    await here.restart()
    link.move = async () => undefined
    await stable()
    await settled()
  })

  test('between the record and the row commits without a pull', async () => {
    there.store.beforeRecord = () => never
    await copy()
    await there.until(
      async () =>
        (await there.catalog.read.snapshots.holdingName('c'))?.state === 'committing' || undefined,
    )
    there.store.beforeRecord = () => undefined
    link.goAway()
    await there.restartHard()
    await stable()
    expect(link.pulls).toHaveLength(1)
  })
})

describe('deleting', () => {
  const releasedEverything = async () => {
    await here.until(async () => (await copyPins()).length === 0 || undefined, 'the pin to go')
    expect(await shown()).toEqual([])
  }

  test('a copy that waits', async () => {
    link.before = (call) => (call === 'open' ? never : undefined)
    copy().catch(() => undefined)
    await there.until(() => link.calls.includes('open') || undefined, 'open')
    expect(await remove(there, 'c')).toBeUndefined()
    await there.until(() => link.calls.includes('release') || undefined, 'release')
    await releasedEverything()
  })

  test('a copy that is pulled cancels it and releases the pin', async () => {
    link.move = async () => await never
    await copy()
    await here.until(async () => (await copyPins()).length === 1 || undefined, 'the pin')
    expect(await remove(there, 'c')).toBeUndefined()
    await releasedEverything()
    expect(there.store.records).toEqual([])
  })

  test('a copy whose commit is not acknowledged', async () => {
    link.before = (call) => {
      if (call === 'commit') throw unavailable
    }
    await copy()
    await stable()
    expect(await remove(there, 'c')).toBeUndefined()
    link.before = () => undefined
    await releasedEverything()
    expect(await there.catalog.read.peerOrders.ofPeer('local')).toEqual([])
  })

  test('the source lets the copy finish', async () => {
    let letGo = () => undefined as void
    const wait = new Promise<void>((resolve) => (letGo = resolve))
    link.move = async () => await wait
    await copy()
    await there.until(() => link.pulls.length > 0 || undefined, 'the pull')
    await remove(here, 's')
    expect(await copyPins()).toHaveLength(1)
    letGo()
    const view = await stable()
    expect(view.sourceSnapshot).toMatchObject({ id: source.id, name: 's' })
    await here.until(async () => (await copyPins()).length === 0 || undefined, 'the pin to go')
    expect(await here.catalog.read.copies.find(view.id)).toBeUndefined()
  })

  test('the source while the answer of open is lost lets the copy finish', async () => {
    failOnce('after', 'open')
    await copy()
    await remove(here, 's')
    await stable()
    await here.until(async () => (await copyPins()).length === 0 || undefined, 'the pin to go')
  })

  test('the source after the copy leaves nothing of it', async () => {
    await copy()
    const { id } = await stable()
    await settled()
    await remove(here, 's')
    expect(await here.catalog.read.copies.find(id)).toBeUndefined()
    await remove(there, 'c')
    await there.until(
      async () => (await there.catalog.read.peerOrders.ofPeer('local')).length === 0 || undefined,
    )
  })
})

describe('a region that is silent for a week', () => {
  const ageBy = async (ms: number) => {
    const [pin] = await copyPins()
    if (pin === undefined) throw new Error('no pin')
    const { contactMs = 0 } = (await here.catalog.read.copies.find(pin.objectId)) ?? {}
    await here.catalog.write(
      async (tables) => await tables.copies.heard(pin.objectId, contactMs - ms),
    )
  }
  // The last that is heard of it is that its pull has begun.
  const copyThatStalls = async () => {
    let stalls = false
    link.move = async () => {
      stalls = true
      await never
    }
    await copy()
    await here.until(() => stalls || undefined, 'the pull')
    expect(await copyPins()).toHaveLength(1)
  }
  const day = 24 * 3600 * 1000
  const week = 7 * day
  const sweep = async () => await here.region.copies.giveUpSilent()

  test('loses its pin, and not before', async () => {
    await copyThatStalls()
    await ageBy(week - 60_000)
    await sweep()
    passedMs += day
    await sweep()
    expect(await copyPins()).toHaveLength(1)
    await ageBy(120_000)
    await sweep()
    expect(await copyPins()).toHaveLength(1)
    passedMs += day
    await sweep()
    expect(await copyPins()).toEqual([])
  })

  test('keeps it when only the time of day has jumped, or this region was away itself', async () => {
    await copyThatStalls()
    await ageBy(2 * week)
    await sweep()
    // It is heard of, and the time of day jumps once more.
    await ageBy(-2 * week)
    passedMs += day
    await sweep()
    await ageBy(2 * week)
    await sweep()
    expect(await copyPins()).toHaveLength(1)
  })

  test('opens again when it comes back, or fails when the source has gone', async () => {
    await copyThatStalls()
    await there.stop()
    await ageBy(week + 60_000)
    await sweep()
    passedMs += day
    await sweep()
    await remove(here, 's')
    await there.restart()
    const failed = await reaches(there, 'c', 'failed')
    expect(failed.reasons).toMatchObject([{ code: 'source_snapshot_deleted' }])
  })
})

test('deleted before its source was reached: whoever makes it is told at once', async () => {
  link.before = async (call) => {
    if (call === 'open') await never
  }
  const made = copy().catch((thrown: unknown) => thrown)
  await there.until(
    async () => (await there.catalog.read.snapshots.holdingName('c')) !== undefined || undefined,
  )
  const since = performance.now()
  expect(await remove(there, 'c')).toBeUndefined()
  expect(await made).toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' })
  expect(performance.now() - since).toBeLessThan(5_000)
})
