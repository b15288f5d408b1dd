// What a region answers while it finds out whether its catalog knows all that its store must keep.

import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { asAshlarError } from '../../../src/base/error.js'
import { makeLogger } from '../../../src/base/logger.js'
import { Client } from '../../../src/client/client.js'
import { plainCredentials } from '../../../src/client/site-credentials.js'
import { parseSiteAddress } from '../../../src/daemon/address.js'
import { RegionSite } from '../../../src/daemon/region-site.js'
import type { Binding } from '../../../src/native/binding.js'
import { LostCatalog } from '../../support/lost-catalog.js'
import { RegionWorld, snapshotSpec, volumeSpec } from '../../support/region-world.js'

let world: RegionWorld
let lost: LostCatalog
let site: RegionSite | undefined
let client: Client | undefined
beforeEach(async () => {
  world = await RegionWorld.start()
  lost = new LostCatalog(world)
  world.store.content = () => Buffer.from(`content ${world.pulls.length}`)
  await world.region.volumes.create(volumeSpec({ name: 'v' }))
})
afterEach(async () => {
  client?.close()
  await site?.stop()
  await world.remove()
  site = client = undefined
})

const socket = (name: string) => parseSiteAddress(`unix:${join(world.folder, name)}`)
const named = (name: string) => ({ kind: 'name', name }) as const
const stable = async (name: string) => {
  await world.region.snapshots.create(snapshotSpec({ sourceVolume: named('v'), name }))
  await world.until(async () => {
    return (await world.region.snapshots.get(named(name))).state === 'stable' || undefined
  }, `${name} stable`)
}

/** Snapshot `t` is in the store's records only. */
async function yesterday(): Promise<void> {
  await stable('s')
  await world.restart(() => lost.keep())
  await stable('t')
  await world.stop()
  lost.putBack()
}

/** `asked` settles when the store was asked for its records, which it answers after `answer()`. */
function slowStore(): { binding: Binding; asked: Promise<void>; answer: () => void } {
  let ask = () => undefined as void
  let answer = () => undefined as void
  const asked = new Promise<void>((resolve) => (ask = resolve))
  const answered = new Promise<void>((resolve) => (answer = resolve))
  const known = world.store.binding
  const storeStats: Binding['storeStats'] = async (handle) => {
    ask()
    await answered
    return await known.storeStats(handle)
  }
  return { binding: { ...known, storeStats }, asked, answer: () => answer() }
}

async function start(native: Binding, apart: boolean): Promise<void> {
  site = await RegionSite.start({
    account: 'local',
    config: {
      name: 'local',
      number: 1,
      data: world.folder,
      listen: socket('public.sock'),
      siteListen: apart ? socket('sites.sock') : undefined,
      tls: undefined,
      pullLimitBytesPerSecond: undefined,
      peers: [],
    },
    nodes: [
      {
        name: 'node-a',
        zone: 'zone-a',
        region: 'local',
        listen: socket('nobody.sock'),
        hosted: undefined,
      },
    ],
    credentials: plainCredentials,
    native,
    clock: systemClock,
    log: makeLogger({ name: 'test', level: 'silent' }),
    testHooks: false,
  })
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'done',
    (thrown: unknown) => asAshlarError(thrown).code,
  )
}

test.each([
  ['a listener of its own', true],
  ['the listener of the sites', false],
])('a change that comes before it is found is refused, at %s', async (_what, apart) => {
  await yesterday()
  const { binding, asked, answer } = slowStore()
  const starting = start(binding, apart)
  await asked
  client = new Client(socket('public.sock').target)
  // The next generation of yesterday's catalog is the one that `t` was recorded under.
  const early = await codeOf(client.snapshots.deleteSnapshot({ snapshot: 's' }))
  answer()
  await starting
  const late = await codeOf(client.snapshots.deleteSnapshot({ snapshot: 's' }))
  await site?.stop()
  site = undefined
  expect(world.store.records.map(({ generation }) => generation)).toEqual([1n, 2n])
  await lost.apply()
  expect(await lost.snapshots()).toEqual(['s', 't'])
  expect([early, late]).toEqual(['REMOTE_UNAVAILABLE', 'CATALOG_BEHIND'])
})
