// The methods that sites call of each other, one by one against a real daemon: success, repetition,
// SIGKILL in the middle, and every refusal that the comment in proto/ documents. Whole operations that
// are made of them have tests of their own.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { AshlarError } from '../../src/base/error.js'
import { reasonOf as reasonOfCode } from '../../src/base/rpc-error.js'
import { ZoneApi, refusal } from '../support/api.js'
import { copyRefusals, copyUses } from '../support/methods/copy-methods.js'
import { persist } from '../support/methods/ground.js'
import {
  closeStores,
  nodePullRefusals,
  nodePullUses,
  regionPullRefusals,
  regionPullUses,
} from '../support/methods/pull-methods.js'
import type { Refusals } from '../support/methods/refusals.js'
import { Regions } from '../support/methods/regions.js'
import type { Trial, Use } from '../support/methods/trial.js'
import { type ZoneGround, zoneRefusals, zoneUses } from '../support/methods/zone-methods.js'
import { Random, seedOf } from '../support/random.js'
import { World } from '../support/world.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 20 : 1
const killWithinMs = 10
const random = new Random(seedOf('internal-methods'))

function expectSame({ again }: Trial, first: unknown, second: unknown): void {
  if (again === undefined) expect(second).toEqual(first)
  else again(first, second)
}

interface Methods<At> {
  readonly uses: readonly Use<At>[]
  readonly refusals: Refusals<At>
  readonly reasonOf: (call: Promise<unknown>) => Promise<string>
  readonly at: () => At
  readonly restart: () => Promise<void>
}

const reasonOfCall = async (call: Promise<unknown>) => (await refusal(call)).reason

/** A pull says it in a message, which is an error of ours by then. */
const reasonOfPull = async (call: Promise<unknown>) => {
  const thrown: unknown = await call.catch((error: unknown) => error)
  if (thrown instanceof AshlarError) return reasonOfCode(thrown.code)
  throw thrown
}

function describeMethods<At>({ uses, refusals, reasonOf, at, restart }: Methods<At>): void {
  describe.each(uses)('$name', ({ begin }) => {
    test('success', async () => {
      const trial = await begin(at())
      await trial.call()
      await trial.check()
    })

    test('repeat', async () => {
      const trial = await begin(at())
      const first = await trial.call()
      expectSame(trial, first, await trial.call())
      await trial.check()
    })

    test('restart', async () => {
      for (let round = 0; round < rounds; round++) {
        const trial = await begin(at())
        const early = trial.call().catch(() => undefined)
        await sleep(random.below(killWithinMs))
        await restart()
        const first = await early
        const second = await persist(trial.call)
        if (first !== undefined) expectSame(trial, first, second)
        await persist(trial.check)
        expectSame(trial, second, await trial.call())
        await trial.check()
      }
    })
  })

  describe.each(Object.entries(refusals))('%s is refused', (_method, reasons) => {
    test.each(Object.entries(reasons))('with %s', async (reason, call) => {
      expect(await reasonOf(call(at()))).toBe(reason.toUpperCase())
    })
  })
}

describe('a node', () => {
  let at: ZoneGround
  beforeAll(async () => {
    const world = await World.start({ zones: ['z-1'], poolCapacity: '64MiB' })
    await world.signal('region', 'SIGTERM')
    at = { world, zone: new ZoneApi(world.zoneEndpoint('z-1')) }
  })
  afterAll(async () => {
    await closeStores()
    at?.zone.close()
    await at?.world.remove()
  })
  const node = { at: () => at, restart: async () => await at.world.killAndRestart('z-1') }
  const pulls = { uses: nodePullUses, refusals: nodePullRefusals, reasonOf: reasonOfPull }
  describeMethods({ uses: zoneUses, refusals: zoneRefusals, reasonOf: reasonOfCall, ...node })
  describeMethods({ ...pulls, ...node })
})

describe('a region', () => {
  let at: Regions
  beforeAll(async () => {
    at = await Regions.start()
  })
  afterAll(async () => {
    await closeStores()
    await at?.close()
  })
  const source = { at: () => at, restart: async () => await at.remote.killAndRestart('region') }
  const pulls = { uses: regionPullUses, refusals: regionPullRefusals, reasonOf: reasonOfPull }
  describeMethods({ uses: copyUses, refusals: copyRefusals, reasonOf: reasonOfCall, ...source })
  describeMethods({ ...pulls, ...source })
})
