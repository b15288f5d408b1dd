// How long is waited between attempts.

import { expect, test } from 'vitest'

import { Backoff } from '../../../src/engine/backoff.js'

function make(random: () => number) {
  const slept: number[] = []
  const clock = {
    nowNs: () => 0n,
    monotonicMs: () => 0,
    sleep: async (ms: number) => void slept.push(ms),
  }
  return { slept, backoff: new Backoff(clock, { firstMs: 100, lastMs: 10_000, random }) }
}
const never = new AbortController().signal

test('each wait is twice as long, and none longer than the last', async () => {
  const { slept, backoff } = make(() => 1)
  for (let i = 0; i < 9; i++) await backoff.wait(never)
  expect(slept).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  backoff.reset()
  await backoff.wait(never)
  expect(slept.at(-1)).toBe(100)
})

test('those who failed together come back at different times', async () => {
  const waits = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const { slept, backoff } = make(() => i / 20)
    await backoff.wait(never)
    expect(slept[0]).toBeGreaterThanOrEqual(50)
    expect(slept[0]).toBeLessThan(100)
    waits.add(slept[0] ?? 0)
  }
  expect(waits.size).toBe(20)
})

test('chance is not what the caller has to bring', async () => {
  const waits = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const slept: number[] = []
    const sleep = async (ms: number) => void slept.push(ms)
    const clock = { nowNs: () => 0n, monotonicMs: () => 0, sleep }
    await new Backoff(clock, { firstMs: 1_000_000, lastMs: 1_000_000 }).wait(never)
    waits.add(slept[0] ?? 0)
  }
  expect(waits.size).toBeGreaterThan(10)
})

test('a longest wait that is given holds for this wait and those after', async () => {
  const { slept, backoff } = make(() => 1)
  for (let i = 0; i < 6; i++) await backoff.wait(never)
  await backoff.wait(never, 500)
  await backoff.wait(never)
  expect(slept.slice(-3)).toEqual([3200, 500, 500])
})
