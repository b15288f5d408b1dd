// The methods that sites call of each other, one by one against a real daemon: success, repetition,
// SIGKILL in the middle, and every refusal that the comment in proto/ documents. Whole operations that
// are made of them have tests of their own.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { ZoneApi, refusal } from '../support/api.js'
import { copyRefusals, copyUses } from '../support/methods/copy-methods.js'
import { persist } from '../support/methods/ground.js'
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

function describeMethods<At>(
  uses: readonly Use<At>[],
  refusals: Refusals<At>,
  ground: { readonly at: () => At; readonly restart: () => Promise<void> },
): void {
  describe.each(uses)('$name', ({ begin }) => {
    test('success', async () => {
      const trial = await begin(ground.at())
      await trial.call()
      await trial.check()
    })

    test('repeat', async () => {
      const trial = await begin(ground.at())
      const first = await trial.call()
      expectSame(trial, first, await trial.call())
      await trial.check()
    })

    test('restart', async () => {
      for (let round = 0; round < rounds; round++) {
        const trial = await begin(ground.at())
        const early = trial.call().catch(() => undefined)
        await sleep(random.below(killWithinMs))
        await ground.restart()
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
      expect((await refusal(call(ground.at()))).reason).toBe(reason.toUpperCase())
    })
  })
}

describe('ashlar.zone.v1', () => {
  let at: ZoneGround
  beforeAll(async () => {
    const world = await World.start({ zones: ['z-1'], poolCapacity: '64MiB' })
    await world.signal('region', 'SIGTERM')
    at = { world, zone: new ZoneApi(world.zoneEndpoint('z-1')) }
  })
  afterAll(async () => {
    at?.zone.close()
    await at?.world.remove()
  })
  describeMethods(zoneUses, zoneRefusals, {
    at: () => at,
    restart: async () => await at.world.killAndRestart('z-1'),
  })
})

describe('ashlar.replication.v1', () => {
  let at: Regions
  beforeAll(async () => {
    at = await Regions.start()
  })
  afterAll(async () => await at?.close())
  describeMethods(copyUses, copyRefusals, {
    at: () => at,
    restart: async () => await at.remote.killAndRestart('region'),
  })
})
