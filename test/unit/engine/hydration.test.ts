// Which pulls a node keeps going for its origins, whatever the order of what its records say.

import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
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

const puller = (lane: string): Puller => ({
  pull: async (_receive, { pinId }, signal) => {
    const name = `${lane} ${pinId}`
    running.push(name)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    await systemClock.sleep(lingerMs)
    running.splice(running.indexOf(name), 1)
    throw signal.reason
  },
})

beforeEach(() => {
  lingerMs = 0
  records = restored()
  const native: Partial<Binding> = {
    openHydration: async () => ({}) as ChannelHandle,
    closeChannel: () => undefined,
    settle: async () => undefined,
    records: () => records,
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

/** A volume that is still being fetched, under this pin; nothing without one. */
function restored(pinId?: string): PoolRecords {
  const snapshotId = 's'
  const progress = { hydrated: false, hydratedBytes: 0n, hydrationTotalBytes: 1n }
  const volume = {
    volumeId: 'v',
    bytes: 1n,
    lineage: 1n,
    originSnapshotId: snapshotId,
    ...progress,
  }
  const none = { cuts: [], attachments: [], tombstones: [], clones: [] }
  return pinId === undefined
    ? { ...none, volumes: [], origins: [] }
    : { ...none, volumes: [volume], origins: [{ snapshotId, pinId, manifest: Buffer.alloc(80) }] }
}

function follow(pinId?: string): void {
  records = restored(pinId)
  hydration.follow(records)
}

async function become(lanes: readonly string[]): Promise<void> {
  await expect.poll(() => [...running].sort(), { timeout: 5000 }).toEqual(lanes)
}

test('a lane for readers and one for the rest, while there is something to fetch', async () => {
  follow('p')
  await become(['background p', 'demand p'])
  follow()
  await become([])
})

test('an origin that comes again while its lanes are ending gets them again', async () => {
  follow('p')
  await become(['background p', 'demand p'])
  lingerMs = 50
  follow()
  follow('p')
  await systemClock.sleep(100)
  await become(['background p', 'demand p'])
})

test('an origin that comes again under another pin is pulled under that one', async () => {
  follow('p')
  await become(['background p', 'demand p'])
  follow('q')
  await become(['background q', 'demand q'])
})
