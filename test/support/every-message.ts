// Takes an operation of whole daemons again and again, each time with one fault at one of its messages.
//
// ASHLAR_FAULTS: how many, or "all", which the soak takes. ASHLAR_FAULT: only those that match, as a
// failure names them. ASHLAR_TRACE=1 prints each, 2 every message too.
//
// First it runs without any, which shows what its messages are.

import type { Random } from './random.js'
import { type Fault, type Wires, faults } from './wires.js'

export interface Operation {
  readonly name: string
  /** Wires it concerns; what is said on others is not counted. Default: all. */
  readonly only?: readonly string[]
  /** Prepares one run, without faults. */
  readonly begin: () => Promise<{
    /** Until it has reached its end, through whatever happens meanwhile. */
    readonly run: () => Promise<void>
    /** What must be true then. */
    readonly check: () => Promise<void>
  }>
}

export interface EveryMessageOptions {
  readonly wires: Wires
  readonly operation: Operation
  readonly random: Random
  /** So many of all faults, by chance; undefined: all of them. */
  readonly trials: number | undefined
}

const lateMsMax = 30
/** Runs with two faults each, after those with one; only where all of those are taken. */
const pairs = 50
const trace = process.env['ASHLAR_TRACE'] !== undefined

const chosen = new RegExp(process.env['ASHLAR_FAULT'] ?? '')
const isChosen = ({ point, fault }: Planned) => chosen.test(`${fault} at ${point}`)

interface Planned {
  readonly point: string
  readonly fault: Fault
}

export async function everyMessage(options: EveryMessageOptions): Promise<void> {
  const { operation, random, trials = Infinity } = options
  const known = new Set<string>()
  const planned: Planned[] = []
  const learn = (heard: readonly string[]) => {
    for (const point of heard) {
      if (known.has(point)) continue
      known.add(point)
      planned.push(...faults.map((fault) => ({ point, fault })).filter(isChosen))
    }
  }
  learn((await trial(options, [])).heard)
  if (trace) process.stderr.write(`${[...known].join('\n')}\n`)
  let [taken, fired] = [0, 0]
  const since = process.hrtime.bigint()
  while (planned.length > 0 && taken < trials) {
    const at = trials === Infinity ? 0 : Math.floor(random.below(planned.length))
    const done = await trial(options, planned.splice(at, 1))
    taken++
    // What follows a fault comes only after that fault.
    if (done.fired > 0) fired++
    else learn(done.heard)
  }
  const one = () =>
    any(
      random,
      [...known].map((point) => ({ point, fault: any(random, faults) })),
    )
  for (let left = trials === Infinity ? pairs : 0; left > 0; left--) {
    await trial(options, [one(), one()])
  }
  const seconds = Number((process.hrtime.bigint() - since) / 1_000_000_000n)
  process.stderr.write(
    `${operation.name}: ${known.size} messages, ${taken} of ${known.size * faults.length} faults, ` +
      `${fired} met their message, ${seconds} s\n`,
  )
}

function any<T>(random: Random, all: readonly T[]): T {
  const one = all[Math.floor(random.below(all.length))]
  if (one === undefined) throw new Error('nothing to choose from')
  return one
}

async function trial(
  { wires, operation, random }: EveryMessageOptions,
  planned: readonly Planned[],
): Promise<{ readonly heard: readonly string[]; readonly fired: number }> {
  const { run, check } = await operation.begin()
  const armed = planned.map((each) => ({ ...each, lateMs: Math.floor(random.below(lateMsMax)) }))
  const what = armed
    .map(({ point, fault, lateMs }) => `${fault} at ${point} (${lateMs} ms)`)
    .join(', then ')
  const since = process.hrtime.bigint()
  const say = (how: string) => {
    const ms = (process.hrtime.bigint() - since) / 1_000_000n
    if (trace) process.stderr.write(`${ms} ms: ${how}: ${what}\n`)
  }
  try {
    wires.listen({ armed, ...(operation.only === undefined ? {} : { only: operation.only }) })
    await run()
    say('done')
    await wires.still()
    const done = await wires.calm()
    await check()
    say('checked')
    return done
  } catch (thrown) {
    await wires.calm()
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Error(`${operation.name}, ${what || 'no fault'}: ${message}`, { cause: thrown })
  }
}

export const soak = process.env['ASHLAR_SOAK'] === '1'
/** In CI a part of all faults, by the printed seed. */
export const trialsOf = (inTests: number): number | undefined => {
  const given = process.env['ASHLAR_FAULTS']
  if (given !== undefined) return given === 'all' ? undefined : Number(given)
  return soak ? undefined : inTests
}
