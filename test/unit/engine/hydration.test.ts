// Which pulls a node keeps going for its origins, whatever the order of what its records say.

import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { AshlarError } from '../../../src/base/error.js'
import { makeLogger } from '../../../src/base/logger.js'
import type { Puller } from '../../../src/engine/puller.js'
import { Hydration } from '../../../src/engine/zone/hydration.js'
import type {
  Binding,
  ChannelHandle,
  PoolHandle,
  PoolRecords,
} from '../../../src/native/binding.js'

/** "lane pin" of every pull under way. */
const running: string[] = []
/** How many turns a pull that was aborted takes to end. */
let lingerMs = 0
let records: PoolRecords
let hydration: Hydration
/** Ends the pull of a lane of readers, well. */
const rests = new Map<ChannelHandle, () => void>()
let failing = false
let readers: (origins: readonly string[]) => void
let attempts = 0

const puller = (lane: string): Puller => ({
  pull: async (receive, { pinId }, signal) => {
    attempts++
    if (failing) throw new AshlarError('REMOTE_UNAVAILABLE', 'the region is away')
    const name = `${lane} ${pinId}`
    const channel = await receive({ volumeBytes: 1n, manifest: undefined, baseAgreed: false })
    running.push(name)
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve())
      rests.set(channel, resolve)
    })
    await systemClock.sleep(lingerMs)
    running.splice(running.indexOf(name), 1)
    signal.throwIfAborted()
    return { kind: 'complete' }
  },
})

beforeEach(() => {
  lingerMs = 0
  failing = false
  attempts = 0
  rests.clear()
  records = restored([])
  let waiting: ((origins: readonly string[]) => void) | undefined
  const told: string[] = []
  readers = (origins) => {
    told.push(...origins)
    waiting?.(told.splice(0))
    waiting = undefined
  }
  const native: Partial<Binding> = {
    openHydration: async () => ({}) as ChannelHandle,
    closeChannel: () => undefined,
    settle: async () => undefined,
    records: () => records,
    yieldChannel: async (channel) => rests.get(channel)?.(),
    takeDemand: async () =>
      await new Promise<readonly string[]>((resolve) => {
        if (told.length > 0) resolve(told.splice(0))
        else waiting = resolve
      }),
  }
  hydration = new Hydration({
    native: native as Binding,
    pool: {} as PoolHandle,
    clock: systemClock,
    log: makeLogger({ name: 'test', level: 'silent' }),
    site: 'node-a',
    pullers: { demand: puller('demand'), background: puller('background') },
  })
})
afterEach(async () => await hydration.stop())

/** Volumes that are still being fetched, of the snapshots "s-<pin>". */
function restored(
  pinIds: readonly string[],
  snapshotOf = (pinId: string) => `s-${pinId}`,
): PoolRecords {
  const progress = { hydrated: false, hydratedBytes: 0n, hydrationTotalBytes: 1n }
  const none = { cuts: [], attachments: [], tombstones: [], clones: [] }
  const volumes = pinIds.map((pinId) => ({
    volumeId: `v-${pinId}`,
    bytes: 1n,
    lineage: 1n,
    originSnapshotId: snapshotOf(pinId),
    ...progress,
  }))
  return {
    ...none,
    volumes,
    origins: pinIds.map((pinId) => ({
      snapshotId: snapshotOf(pinId),
      pinId,
      manifest: Buffer.alloc(80),
    })),
  }
}

function follow(...pinIds: readonly string[]): void {
  records = restored(pinIds)
  hydration.follow(records)
}

async function become(lanes: readonly string[]): Promise<void> {
  await expect.poll(() => [...running].sort(), { timeout: 5000 }).toEqual([...lanes].sort())
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`)
const inBackground = () => running.filter((name) => name.startsWith('background'))
const forReaders = () => running.filter((name) => name.startsWith('demand'))

test('a pull in the background while there is something to fetch, a lane while readers wait', async () => {
  follow('p')
  await become(['background p'])
  readers(['s-p'])
  await become(['background p', 'demand p'])
  for (const rest of rests.values()) rest()
  await become([])
  readers(['s-p'])
  await expect.poll(forReaders, { timeout: 5000 }).toEqual(['demand p'])
  follow()
  await become([])
})

test('readers are served of an origin that came after the last look at the records', async () => {
  follow()
  records = restored(['p'])
  readers(['s-p', 's-of-nobody'])
  await become(['background p', 'demand p'])
})

test('an origin that comes again while its pulls are ending gets them again', async () => {
  follow('p')
  await become(['background p'])
  lingerMs = 50
  follow()
  follow('p')
  await systemClock.sleep(100)
  await become(['background p'])
})

test('an origin that comes again under another pin is pulled under that one', async () => {
  records = restored(['p'], () => 's')
  hydration.follow(records)
  readers(['s'])
  await become(['background p', 'demand p'])
  records = restored(['q'], () => 's')
  hydration.follow(records)
  readers(['s'])
  await become(['background q', 'demand q'])
})

test('eight at a time in the background; the next begins when one ends', async () => {
  follow(...many(20))
  await become(many(8).map((pinId) => `background ${pinId}`))
  for (let left = 20; left > 8; left--) {
    // What is full goes from the records.
    const [first] = inBackground()
    follow(
      ...records.origins
        .map(({ pinId }) => pinId)
        .filter((pinId) => `background ${pinId}` !== first),
    )
    const others = () => inBackground().filter((name) => name !== first)
    await expect
      .poll(() => [others().length, inBackground().length], { timeout: 5000 })
      .toEqual([8, 8])
  }
})

test('64 lanes for readers; who has been served longest makes room, and all come to their turn', async () => {
  const origins = many(200)
  follow(...origins)
  const served = new Set<string>()
  readers(origins.map((pinId) => `s-${pinId}`))
  await expect
    .poll(
      () => {
        for (const name of forReaders()) served.add(name)
        expect(forReaders().length).toBeLessThanOrEqual(64)
        return served.size
      },
      { timeout: 20_000, interval: 10 },
    )
    .toBe(200)
})

test('readers are tried again while the region is away, with pauses', async () => {
  follow('p')
  await become(['background p'])
  failing = true
  attempts = 0
  readers(['s-p'])
  await expect.poll(() => attempts, { timeout: 5000 }).toBe(1)
  readers(['s-p']) // its end calls for the next
  await expect.poll(() => attempts, { timeout: 5000 }).toBe(2)
  expect(hydration.troubleOf('s-p')).toBe('the region is away')
  failing = false
  readers(['s-p'])
  await expect.poll(forReaders, { timeout: 5000 }).toEqual(['demand p'])
})
