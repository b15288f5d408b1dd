// Every public method against real daemons: that it succeeds, that it can be repeated, that it ends well
// when a daemon dies by SIGKILL in the middle, and every refusal that its comment in proto/ documents.
// test/unit/methods.test.ts holds these tables against proto/: a method without rows fails there.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import { asAshlarError } from '../../src/base/error.js'
import { refusal } from '../support/api.js'
import { changes } from '../support/methods/changes.js'
import { passing, persist } from '../support/methods/ground.js'
import { others } from '../support/methods/others.js'
import { refusals } from '../support/methods/refusals.js'
import { Regions } from '../support/methods/regions.js'
import type { Trial, Use } from '../support/methods/trial.js'
import { Random, seedOf } from '../support/random.js'
import type { World } from '../support/world.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 20 : 1
/** Calls take 5 to 15 ms here, so that kills fall before, into and after them. */
const killWithinMs = 20
const random = new Random(seedOf('methods'))

let at: Regions
beforeAll(async () => {
  at = await Regions.start()
})
afterEach(async () => {
  await at.regainZone()
  await at.ground.expectNothingLeftOver()
})
afterAll(async () => await at?.close())

const uses: readonly Use<Regions>[] = [
  ...changes.map(({ begin, ...use }) => ({
    ...use,
    begin: async ({ ground }: Regions) => await begin(ground),
  })),
  ...others,
]

function expectSame({ again }: Trial, first: unknown, second: unknown): void {
  if (again === undefined) expect(second).toEqual(first)
  else again(first, second)
}

async function expectDone(trial: Trial): Promise<void> {
  await at.ground.expectLeft([trial])
  await trial.check()
  await at.ground.expectLeft([trial])
}

/** Dies while the call is under way, then comes back; the call is repeated until it is answered. */
async function expectSurvives(trial: Trial, kill: () => Promise<void>): Promise<void> {
  const early = trial.call().then(
    (answer) => ({ answer }),
    (thrown: unknown) => ({ thrown }),
  )
  await kill()
  const answer = await persist(trial.call)
  const first = await early
  if ('thrown' in first) expect(passing).toContain(asAshlarError(first.thrown).code)
  else expectSame(trial, first.answer, answer)
  await expectDone(trial)
  expectSame(trial, answer, await trial.call())
  await expectDone(trial)
  await at.regainZone()
  await at.ground.expectNothingLeftOver()
}

const placeOf = (site: string): [world: World, site: string] =>
  site === 'remote' ? [at.remote, 'region'] : [at.ground.world, site]
const sitesOf = ({ site }: { readonly site?: string | undefined }): readonly string[] =>
  site === undefined ? ['region'] : ['region', site]

describe.each(uses)('$name', ({ begin, site }) => {
  test('success', async () => {
    const trial = await begin(at)
    await trial.call()
    await expectDone(trial)
  })

  test('repeat', async () => {
    const trial = await begin(at)
    const first = await trial.call()
    expectSame(trial, first, await trial.call())
    await expectDone(trial)
    expectSame(trial, first, await trial.call())
    await expectDone(trial)
  })

  test.each(sitesOf({ site }))('restart of %s', async (name) => {
    const [world, victim] = placeOf(name)
    for (let round = 0; round < rounds; round++) {
      await expectSurvives(await begin(at), async () => {
        await sleep(random.below(killWithinMs))
        await world.killAndRestart(victim)
      })
    }
  })
})

const ordered = uses.flatMap((use) =>
  sitesOf(use)
    .slice(1)
    .map((site) => ({ ...use, site })),
)
describe.each(ordered)('$name, ordered of $site and not answered', ({ begin, site }) => {
  test.each(['region', site])('restart of %s', async (name) => {
    const [world, frozen] = placeOf(site)
    const [other, victim] = placeOf(name)
    await expectSurvives(await begin(at), async () => {
      world.freeze(frozen)
      await sleep(100)
      await other.signal(victim, 'SIGKILL')
      world.thaw(frozen)
      await other.start(victim)
    })
  })
})

describe.each(Object.entries(refusals))('%s is refused', (_method, reasons) => {
  test.each(Object.entries(reasons))('with %s', async (reason, call) => {
    expect((await refusal(call(at))).reason).toBe(reason.toUpperCase())
  })
})
