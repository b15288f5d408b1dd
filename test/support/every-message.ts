// Takes an operation of whole daemons again and again, each time with one fault at one of its messages.
// First it runs without any, which shows what its messages are.

import { type Random, seedOf } from './random.js'
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
const trace = process.env['ASHLAR_TRACE'] !== undefined

/** ASHLAR_FAULT: only what matches it, as a failure names it. */
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
  learn((await trial(options)).heard)
  if (trace) process.stderr.write(`${[...known].join('\n')}\n`)
  let [taken, fired] = [0, 0]
  const since = process.hrtime.bigint()
  while (planned.length > 0 && taken < trials) {
    const at = trials === Infinity ? 0 : Math.floor(random.below(planned.length))
    const [next] = planned.splice(at, 1)
    const done = await trial(options, next)
    taken++
    // What follows a fault comes only after that fault.
    if (done.fired) fired++
    else learn(done.heard)
  }
  const seconds = Number((process.hrtime.bigint() - since) / 1_000_000_000n)
  process.stderr.write(
    `${operation.name}: ${known.size} messages, ${taken} of ${known.size * faults.length} faults, ` +
      `${fired} met their message, ${seconds} s\n`,
  )
}

async function trial({ wires, operation, random }: EveryMessageOptions, planned?: Planned) {
  const { run, check } = await operation.begin()
  const lateMs = Math.floor(random.below(lateMsMax))
  const since = process.hrtime.bigint()
  const say = (what: string) => {
    const ms = (process.hrtime.bigint() - since) / 1_000_000n
    if (trace) process.stderr.write(`${ms} ms: ${what}: ${planned?.fault} at ${planned?.point}\n`)
  }
  try {
    const armed = planned === undefined ? {} : { armed: { ...planned, lateMs } }
    wires.listen({ ...armed, ...(operation.only === undefined ? {} : { only: operation.only }) })
    await run()
    say('done')
    await wires.still()
    const done = await wires.calm()
    await check()
    say('checked')
    return done
  } catch (thrown) {
    await wires.calm()
    const what = planned === undefined ? 'no fault' : `${planned.fault} at ${planned.point}`
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    throw new Error(`${operation.name}, ${what} (${lateMs} ms): ${message}`, { cause: thrown })
  }
}

export const soak = process.env['ASHLAR_SOAK'] === '1'
/** In CI a part of all faults, by the printed seed. */
export const trialsOf = (inTests: number): number | undefined => {
  const given = process.env['ASHLAR_FAULTS']
  if (given !== undefined) return given === 'all' ? undefined : Number(given)
  return soak ? undefined : inTests
}
export { seedOf }
