// Every pair of public calls on one object, at the same moment: each of the two is answered as the table
// of support/methods/pairs.ts says, which holds nothing that the method's comment in proto/ does not
// document; and nothing is left over. In the soak 20 times.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB, refusal } from '../support/api.js'
import { commentsOf, reasonsIn, textOf } from '../support/methods/documented.js'
import { Ground } from '../support/methods/ground.js'
import { type Kind, type PairCall, Pairs, kindNames } from '../support/methods/pairs.js'
import { methodOf } from '../support/methods/trial.js'
import { Random, seedOf } from '../support/random.js'
import { World } from '../support/world.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 20 : 1
/** Pairs at the same time, each with an object of its own. */
const atOnce = 8
/** Calls take 5 to 15 ms, so that the second one comes before, into and after the first. */
const secondWithinMs = 12
/** No call here waits for anybody who is away. */
const answerMs = 5_000
const random = new Random(seedOf('pairs'))
const comments = commentsOf(textOf('ashlar/v1'))

let ground: Ground
let remote: World
let remoteClient: Client
let pairs: Pairs
beforeAll(async () => {
  const folders = [World.makeFolder(), World.makeFolder()] as const
  const [near, far] = ['local', 'remote'].map((name, at) => ({
    name,
    number: at + 1,
    address: World.endpointIn(folders[at] ?? ''),
  })) as [Place, Place]
  const zones = ['local-1', 'local-2']
  const pool = { poolCapacity: '256MiB' }
  const [world, other] = await Promise.all([
    World.start({ ...pool, zones, folder: folders[0], peers: [far] }),
    World.start({ ...pool, zones: ['remote-1'], folder: folders[1], region: far, peers: [near] }),
  ])
  remote = other
  remoteClient = new Client(remote.endpoint)
  const volume = { name: 'far', zone: 'remote-1', capacityBytes: String(4n * MiB) }
  await remoteClient.volumes.createVolume(volume)
  ground = await Ground.begin(world, zones)
  pairs = new Pairs(ground, remoteClient)
})
afterEach(async () => await ground.expectNothingLeftOver())
afterAll(async () => {
  remoteClient?.close()
  await ground?.close()
  await remote?.remove()
})

interface Place {
  readonly name: string
  readonly number: number
  readonly address: string
}

/** Which of the two comes first. */
const shuffled = (one: Named, other: Named): readonly [Named, Named] =>
  random.next() < 0.5 ? [one, other] : [other, one]

type Named = readonly [name: string, call: PairCall]

const allowed = ([, { refused, alone }]: Named, [other]: Named): readonly string[] => [
  ...(refused[other] ?? []),
  ...(alone === undefined ? [] : [alone]),
]

/** Its reason when it was refused; empty when it was done. */
async function answered(call: Promise<unknown>): Promise<string> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error ?? new Error('nothing'),
  )
  return thrown === undefined ? '' : (await refusal(Promise.reject(thrown))).reason.toLowerCase()
}

/** What is wrong with the answers of the two; undefined when nothing is. */
async function problemOf(kind: Kind, first: Named, second: Named): Promise<string | undefined> {
  const subject = await kind.make()
  const since = performance.now()
  const pause = Math.floor(random.below(secondWithinMs))
  const answers = await Promise.all([
    answered(first[1].call(subject)),
    sleep(pause).then(async () => await answered(second[1].call(subject))),
  ])
  const took = performance.now() - since
  const said = `${first[0]} and, ${pause} ms later, ${second[0]}: ${answers.map((each) => each || 'done').join(' and ')}`
  const ends = [
    [first, second, answers[0]],
    [second, first, answers[1]],
  ] as const
  for (const [one, other, answer] of ends) {
    if (answer !== '' && !allowed(one, other).includes(answer)) return said
  }
  const both = answers.every((answer) => answer !== '')
  if (both && first[1].alone === undefined && second[1].alone === undefined) {
    return `${said}: one would have been done by itself`
  }
  return took > answerMs ? `${said}, after ${Math.round(took)} ms` : undefined
}

async function problemsOf(kind: Kind): Promise<readonly string[]> {
  const calls = Object.entries(kind.calls)
  const waiting = calls.flatMap((first, at) =>
    calls.slice(at).map((second) => shuffled(first, second)),
  )
  const problems: string[] = []
  const work = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [first, second] = next
      try {
        const problem = await problemOf(kind, first, second)
        if (problem !== undefined) problems.push(problem)
      } catch (thrown) {
        problems.push(`${first[0]} and ${second[0]}: ${String(thrown)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return problems
}

test.each(kindNames)('%s', async (name) => {
  const kind = pairs.kinds[name]
  for (let round = 0; round < rounds; round++) expect(await problemsOf(kind)).toEqual([])
})

test('what the table allows is documented', () => {
  const missing = kindNames.flatMap((kind) => {
    const calls = Object.entries(pairs.kinds[kind].calls)
    return calls.flatMap(([name, { refused, alone }]) => {
      const documented = reasonsIn(comments.get(methodOf({ name })) ?? '')
      const reasons = [...Object.values(refused).flat(), ...(alone === undefined ? [] : [alone])]
      const others = Object.keys(refused).filter((other) => !calls.some(([each]) => each === other))
      return [...reasons.filter((reason) => !documented.includes(reason)), ...others].map(
        (each) => `${kind}: ${name}: ${each}`,
      )
    })
  })
  expect([...new Set(missing)]).toEqual([])
})
