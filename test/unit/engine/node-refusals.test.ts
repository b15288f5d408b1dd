// What a node refuses reaches the caller as it is, and nothing is left of the call.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { asAshlarError } from '../../../src/base/error.js'
import { errorTable } from '../../../src/gen/errors.js'
import { nodeRefusals } from '../../support/methods/node-refusals.js'
import { RegionWorld } from '../../support/region-world.js'

let world: RegionWorld
beforeEach(async () => {
  world = await RegionWorld.start()
})
afterEach(async () => await world.remove())

describe.each(Object.entries(nodeRefusals))('%s is refused', (_method, reasons) => {
  test.each(Object.entries(reasons))('with %s', async (reason, call) => {
    const thrown: unknown = await call(world).then(
      () => 'it was not refused',
      (error: unknown) => error,
    )
    expect(errorTable[asAshlarError(thrown).code].vpcCode).toBe(reason)
    const { volumes, attachments, snapshots } = world.catalog.read
    const page = { limit: 10, before: undefined }
    expect((await volumes.page({}, page)).rows).toMatchObject([
      { name: 'v', state: 'available', bytes: 64n << 20n, grantedBytes: 64n << 20n },
    ])
    expect((await attachments.page({}, page)).rows).toEqual([])
    expect((await snapshots.page({}, page)).rows).toEqual([])
  })
})
