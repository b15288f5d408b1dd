// The clock in the unit of the catalog.

import type { Clock } from '../../../base/clock.js'

export function nowMs(clock: Clock): number {
  return Number(clock.nowNs() / 1_000_000n)
}
