// Fast-restore clones of a node, from order to volume: hydrated, filled from a base, with the region
// away, with the node stopped in between, and deleted at any time.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Stored, TwoPools, anId } from '../support/two-pools.js'

const bytes = 256n << 20n

describe('clones of a zone node', () => {
  let pools: TwoPools
  let first: Stored
  let firstClone: string
  beforeAll(async () => {
    pools = await TwoPools.start(bytes)
    await pools.qemuIo('write -P 1 0 40M', 'write -P 2 100M 20M', 'write -z 8M 1M')
    first = await pools.snapshot()
  }, 120_000)
  afterAll(async () => await pools?.remove())

  const create = async (stored: Stored, baseSnapshotId?: string): Promise<string> => {
    const cloneId = anId()
    await pools.order({
      kind: 'createClone',
      cloneId,
      snapshotId: stored.snapshotId,
      origin: pools.originOf(stored),
      ...(baseSnapshotId === undefined ? {} : { baseSnapshotId }),
    })
    return cloneId
  }
  const clone = (cloneId: string) =>
    pools.records.clones.find((record) => record.cloneId === cloneId)
  const available = async (cloneId: string) =>
    await pools.until('the clone is available', () => clone(cloneId)?.available === true)

  test('one without a base hydrates, tells its progress and then needs no pin', async () => {
    const cloneId = await create(first)
    firstClone = cloneId
    expect(pools.records.volumes).toEqual([])
    const events = await pools.watchUntil(
      (event) => event.kind === 'records' && (event.records.clones[0]?.available ?? false),
    )
    const progress = events.flatMap((event) => (event.kind === 'clone' ? [event.progress] : []))
    expect(progress.length).toBeGreaterThan(0)
    expect(progress.every(({ totalBytes }) => totalBytes === bytes)).toBe(true)
    const done = progress.map(({ doneBytes }) => doneBytes)
    expect(done).toEqual([...done].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    await pools.until('the origin is gone', () => pools.records.origins.length === 0)
    expect(await pools.rootOf(first.snapshotId)).toBe(first.rootHex)
  })

  test('a volume is made from it at once', async () => {
    const volumeId = anId()
    const { snapshotId: cutSnapshotId } = first
    await pools.order({ kind: 'createVolume', volumeId, bytes, cutSnapshotId })
    const made = pools.records.volumes.find((volume) => volume.volumeId === volumeId)
    expect(made?.hydrated).toBe(true)
  })

  test('the next is filled from it, with the node stopped and the region away meanwhile', async () => {
    await pools.qemuIo('write -P 3 1M 8k', 'write -P 4 110M 64k', 'write -z -u 120M 64k')
    const second = await pools.snapshot()
    pools.region.away = true
    const cloneId = await create(second, first.snapshotId)
    expect(clone(cloneId)).toMatchObject({ available: false, filling: true })
    await pools.watchUntil(
      (event) => event.kind === 'clone' && (event.progress.trouble ?? '').includes('is away'),
    )
    await pools.stopNode()
    await pools.startNode()
    expect(clone(cloneId)).toMatchObject({ available: false, filling: true })
    pools.region.away = false
    await available(cloneId)
    expect(await pools.rootOf(second.snapshotId)).toBe(second.rootHex)
    expect(await pools.rootOf(first.snapshotId)).toBe(first.rootHex)

    await pools.order({ kind: 'deleteClone', cloneId: firstClone })
    expect(pools.records.cuts.find((cut) => cut.snapshotId === first.snapshotId)?.hidden).toBe(true)
    expect(await pools.rootOf(second.snapshotId)).toBe(second.rootHex)
    expect(pools.records.tombstones).toContainEqual({ id: firstClone, kind: 'clone' })
    await pools.order({ kind: 'forgetTombstone', id: firstClone })
    expect(pools.records.tombstones).toEqual([])
  })

  test('one that is being made can be deleted; a late order for it is refused', async () => {
    await pools.qemuIo('write -P 5 60M 4M')
    const third = await pools.snapshot()
    const cloneId = await create(third)
    await pools.order({ kind: 'deleteClone', cloneId })
    await pools.order({ kind: 'deleteClone', cloneId })
    await pools.until('its origin is gone', () => pools.records.origins.length === 0)
    expect(clone(cloneId)).toBeUndefined()
    await expect(
      pools.order({
        kind: 'createClone',
        cloneId,
        snapshotId: third.snapshotId,
        origin: pools.originOf(third),
      }),
    ).rejects.toMatchObject({ code: 'TOMBSTONE' })
  })
})
