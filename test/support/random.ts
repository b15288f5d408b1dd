// Randomness that a failure can be replayed with: every seed is printed, and ASHLAR_SEED sets it.

import { randomInt } from 'node:crypto'

/** From the environment, or a new one; printed either way. */
export function seedOf(what: string): number {
  const given = process.env['ASHLAR_SEED']
  const seed = given === undefined ? randomInt(2 ** 32) : Number(given)
  process.stderr.write(`${what}: ASHLAR_SEED=${seed}\n`)
  return seed
}

/** Numbers from 0 to 1, without 1. The generator is mulberry32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** From 0 to `bound`, without it. */
  below(bound: number): number {
    return this.next() * bound
  }
}
