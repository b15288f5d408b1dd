import { expect, test } from 'vitest'

import { RateMeter } from '../../../src/base/rate-meter.js'
import { systemClock } from '../../../src/base/clock.js'

function meter() {
  let ms = 1_000
  const made = new RateMeter({ ...systemClock, monotonicMs: () => ms })
  return {
    pass: (by: number) => (ms += by),
    note: (bytes: number) => made.note(BigInt(bytes)),
    rate: () => Number(made.bytesPerSecond),
  }
}

test('is that of the last five seconds', () => {
  const { pass, note, rate } = meter()
  expect(rate()).toBe(0)
  note(0)
  expect(rate()).toBe(0)
  for (let second = 1; second <= 20; second++) {
    pass(1_000)
    note(second * 100)
    expect(rate()).toBe(100)
  }
  for (let second = 1; second <= 10; second++) {
    pass(1_000)
    note(2_000 + second * 1_000)
  }
  expect(rate()).toBe(1_000)
})

test('falls to nothing when nothing comes', () => {
  const { pass, note, rate } = meter()
  note(0)
  pass(1_000)
  note(4_000)
  expect(rate()).toBe(4_000)
  pass(1_000)
  expect(rate()).toBe(2_000)
  pass(2_000)
  expect(rate()).toBe(1_000)
  pass(4_000)
  expect(rate()).toBe(0)
  // The pause does not count against what comes after it for longer than the window.
  note(5_000)
  pass(5_000)
  note(10_000)
  expect(rate()).toBe(1_000)
})

test('of work that is begun again is of the new beginning', () => {
  const { pass, note, rate } = meter()
  note(10_000)
  pass(1_000)
  note(0)
  expect(rate()).toBe(0)
  pass(1_000)
  note(300)
  expect(rate()).toBe(300)
})
