// Time, handed in so that tests decide it. The only file that reads a clock or waits.

import { setTimeout as delay } from 'node:timers/promises'

export interface Clock {
  /** Nanoseconds since 1970; may jump. For times that people see. */
  nowNs(): bigint
  /** Milliseconds that never go back. For durations. */
  monotonicMs(): number
  /** Rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowNs: () => BigInt(Date.now()) * 1_000_000n,
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (thrown) {
      throw signal?.aborted === true ? signal.reason : thrown
    }
  },
}
