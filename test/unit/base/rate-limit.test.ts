// What a rate limit lets through, on a clock that only the test moves.

import { expect, test } from 'vitest'

import type { Clock } from '../../../src/base/clock.js'
import { RateLimit } from '../../../src/base/rate-limit.js'

class TestClock implements Clock {
  nowMs = 1000
  readonly #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  nowNs = () => BigInt(this.nowMs) * 1_000_000n
  monotonicMs = () => this.nowMs

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await new Promise<void>((wake, fail) => {
      this.#sleepers.push({ atMs: this.nowMs + ms, wake })
      signal?.addEventListener('abort', () => fail(signal.reason), { once: true })
    })
  }

  async advance(ms: number): Promise<void> {
    this.nowMs += ms
    for (const { atMs, wake } of this.#sleepers) if (atMs <= this.nowMs) wake()
    await new Promise((done) => setImmediate(done))
  }
}

const never = () => new AbortController().signal
const make = (bytesPerSecond: number) => {
  const clock = new TestClock()
  return { clock, limit: new RateLimit({ bytesPerSecond, clock }) }
}

test('streams together get the limit, whoever asks', async () => {
  const { clock, limit } = make(1_000_000)
  let got = 0
  const stream = async (bytes: number) => {
    for (;;) {
      await limit.pay(bytes, never())
      got += bytes
    }
  }
  void stream(10_000)
  void stream(3000)
  void stream(700_000)
  const burst = 250_000
  for (let second = 1; second <= 20; second++) {
    for (let step = 0; step < 100; step++) await clock.advance(10)
    expect(got).toBeLessThanOrEqual(second * 1_000_000 + burst)
    expect(got).toBeGreaterThanOrEqual(second * 1_000_000 - 713_000)
  }
})

test('a quiet while saves up a quarter of a second, no more', async () => {
  const { clock, limit } = make(1000)
  await limit.pay(250, never())
  await clock.advance(60_000)
  await limit.pay(250, never())
  let paid = false
  void limit.pay(100, never()).then(() => (paid = true))
  await clock.advance(99)
  expect(paid).toBe(false)
  await clock.advance(1)
  expect(paid).toBe(true)
})

test('what is more than the burst waits, and is still let through', async () => {
  const { clock, limit } = make(1000)
  let paid = false
  void limit.pay(10_250, never()).then(() => (paid = true))
  await clock.advance(9_999)
  expect(paid).toBe(false)
  await clock.advance(1)
  expect(paid).toBe(true)
})

test('who waits can be aborted', async () => {
  const { limit } = make(1)
  const stop = new AbortController()
  const waiting = limit.pay(1000, stop.signal)
  stop.abort(new Error('no more'))
  await expect(waiting).rejects.toThrow('no more')
})
