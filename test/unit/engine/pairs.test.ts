// Two calls on one object, the second while the first is at its node or has only just been written:
// each is answered for what it did itself, and neither for what the other one met.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import type { Id } from '../../../src/base/ids.js'
import type { PoolOrder } from '../../../src/native/binding.js'
import { RegionWorld, hurriedClock, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start({ clock: hurriedClock(10) })
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => await world.remove())

const named = (name: string) => ({ kind: 'name', name }) as const
const volume = named('v')
const full = new AshlarError('NO_SPACE', 'pool full')
const common = { etag: '', requestId: '' }
const MiB = 1n << 20n

/** What it is answered: a code when it is refused. */
const answer = async (call: Promise<unknown>): Promise<unknown> =>
  await call.catch((thrown: unknown) => (thrown instanceof AshlarError ? thrown.code : thrown))

/** At the first order of a kind, makes the other call and waits until `begun`; then the node says what it says. */
function atNode<Kind extends PoolOrder['kind']>(
  kind: Kind,
  other: (order: Extract<PoolOrder, { kind: Kind }>) => Promise<unknown>,
  { begun, refused }: { readonly begun: () => Promise<boolean>; readonly refused?: AshlarError },
): { readonly answer: () => Promise<unknown> } {
  let second: Promise<unknown> | undefined
  world.zones.a.before = async (order) => {
    if (order.kind !== kind) return
    if (second === undefined) {
      second = answer(other(order as Extract<PoolOrder, { kind: Kind }>))
      await world.until(async () => (await begun()) || undefined, 'the other call')
    }
    if (refused !== undefined) throw refused
  }
  return { answer: async () => await second }
}

const attach = () =>
  world.region.attachments.create({
    volume,
    host: 'h',
    readOnly: false,
    wantTcp: false,
    requestId: '',
  })
const grow = (bytes: bigint) =>
  world.region.volumes.update({ volume, capacityBytes: bytes, ...common })
const rename = (name: string, target: { kind: 'id'; id: Id }) =>
  world.region.volumes.update({ volume: target, name, ...common })
const remove = (name: string) => world.region.volumes.delete({ target: named(name), ...common })
const stateOf = async (name: string) => (await world.catalog.read.volumes.holdingName(name))?.state

describe('a volume', () => {
  test('each of many renames is answered with its own name', async () => {
    const { id } = await world.region.volumes.get(volume)
    const names = Array.from({ length: 10 }, (_, at) => `name-${at}`)
    const answers = await Promise.all(names.map((name) => rename(name, { kind: 'id', id })))
    expect(answers.map(({ name }) => name)).toEqual(names)
    expect(new Set(answers.map(({ etag }) => etag)).size).toBe(names.length)
  })

  test.each([
    ['makes', undefined],
    ['refuses', full],
  ])('deleted while its node %s it: that is done, and the maker is told', async (_, refused) => {
    const other = atNode('createVolume', () => remove('w'), {
      // A name is free from then on.
      begun: async () => (await stateOf('w')) === undefined,
      ...(refused === undefined ? {} : { refused }),
    })
    expect(await answer(world.region.volumes.create(volumeSpec({ name: 'w' })))).toBe(
      'VOLUME_NOT_FOUND',
    )
    expect(await other.answer()).toBeUndefined()
    expect(await world.catalog.read.volumes.unsettled()).toEqual([])
  })

  test('deleted while its node is away: its maker is not told that it is there', async () => {
    world.zones.a.before = async ({ kind }) => {
      if (kind === 'createVolume' || kind === 'deleteVolume') {
        throw new AshlarError('REMOTE_UNAVAILABLE', 'lost')
      }
    }
    const made = answer(world.region.volumes.create(volumeSpec({ name: 'w' })))
    await world.until(async () => (await stateOf('w')) !== undefined || undefined)
    const deleted = remove('w')
    expect(await made).toBe('REMOTE_UNAVAILABLE')
    expect(await deleted).toMatchObject({ status: 'pendingDeletion' })
  })

  test('what was granted is not refused with what another asked beyond it', async () => {
    const sizes: bigint[] = []
    const other = atNode('growVolume', () => grow(256n * MiB), {
      begun: async () => (await world.catalog.read.volumes.holdingName('v'))?.bytes === 256n * MiB,
    })
    const { before } = world.zones.a
    world.zones.a.before = async (order) => {
      await before(order)
      if (order.kind !== 'growVolume') return
      sizes.push(order.bytes)
      if (order.bytes === 256n * MiB) throw full
    }
    expect(await answer(grow(128n * MiB))).toMatchObject({ capacityBytes: 128n * MiB })
    expect(await other.answer()).toBe('NO_SPACE')
    expect(sizes).toEqual([128n * MiB, 256n * MiB])
  })

  test('a rename does not wait for a growth, nor is it refused with it', async () => {
    const other = atNode('growVolume', () => rename('w', { kind: 'id', id }), {
      begun: async () => (await stateOf('w')) !== undefined,
      refused: full,
    })
    const { id } = await world.region.volumes.get(volume)
    expect(await answer(grow(128n * MiB))).toBe('NO_SPACE')
    expect(await other.answer()).toMatchObject({ name: 'w', etag: '"2"' })
  })
})

describe('an attachment', () => {
  const detach = (attachment: Id) => world.region.attachments.delete({ attachment, requestId: '' })
  test.each([
    ['makes', undefined],
    ['refuses', full],
  ])('deleted while its node %s it: that is done, and the maker is told', async (_, refused) => {
    const other = atNode('attach', ({ attachmentId }) => detach(attachmentId as Id), {
      begun: async () =>
        (await world.catalog.read.attachments.unsettled())[0]?.state === 'detaching',
      ...(refused === undefined ? {} : { refused }),
    })
    expect(await answer(attach())).toBe('ATTACHMENT_NOT_FOUND')
    expect(await other.answer()).toBeUndefined()
    expect((await world.region.volumes.get(volume)).attachmentIds).toEqual([])
  })
})

describe('a snapshot', () => {
  const snap = () =>
    world.region.snapshots.create(snapshotSpec({ sourceVolume: volume, name: 's' }))
  const target = named('s')
  const gone = async () => (await world.catalog.read.snapshots.holdingName('s')) === undefined

  test('each of many renames is answered with its own name', async () => {
    const { id } = await snap()
    const names = Array.from({ length: 10 }, (_, at) => `name-${at}`)
    const answers = await Promise.all(
      names.map((name) =>
        world.region.snapshots.update({ snapshot: { kind: 'id', id }, name, ...common }),
      ),
    )
    expect(answers.map(({ name }) => name)).toEqual(names)
    expect(new Set(answers.map(({ etag }) => etag)).size).toBe(names.length)
  })

  test.each([
    ['makes', undefined],
    ['loses', new AshlarError('REMOTE_UNAVAILABLE', 'lost')],
    ['refuses', full],
  ])('deleted while its node %s the cut: its maker is told that it is gone', async (_, refused) => {
    const other = atNode('cut', () => world.region.snapshots.delete({ target, ...common }), {
      begun: gone,
      ...(refused === undefined ? {} : { refused }),
    })
    expect(await answer(snap())).toBe('SNAPSHOT_NOT_FOUND')
    expect(await other.answer()).toBeUndefined()
    await world.until(() => world.zones.a.cuts.size === 0 || undefined, 'the cut to go')
  })

  test('a clone that is deleted at once was there for its maker', async () => {
    await snap()
    await world.until(
      async () => (await world.region.snapshots.get(target)).state === 'stable' || undefined,
    )
    const clone = { snapshot: target, zone: 'zone-b', requestId: '' }
    const made = world.region.clones.create(clone)
    const others = [
      world.region.clones.delete(clone),
      world.region.snapshots.delete({ target, ...common }),
    ]
    expect(await made).toMatchObject({ zone: 'zone-b', available: false })
    await Promise.all(others)
    expect(await gone()).toBe(true)
  })
})
