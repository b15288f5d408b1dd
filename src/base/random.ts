// Chance, for what must not happen to many at the same instant. Tests hand in their own.

import { randomInt } from 'node:crypto'

/** From 0 to below 1. */
export type Random = () => number

const steps = 2 ** 32

export const systemRandom: Random = () => randomInt(steps) / steps
