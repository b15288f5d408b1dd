// What ends work that has stopped moving, on a clock that only the test moves.

import { expect, test } from 'vitest'

import type { Clock } from '../../../src/base/clock.js'
import { AshlarError } from '../../../src/base/error.js'
import { watched } from '../../../src/engine/watchdog.js'

/** Every sleep lasts until the test says that it is over. */
function make() {
  const sleepers: (() => void)[] = []
  const clock: Clock = {
    nowNs: () => 0n,
    monotonicMs: () => 0,
    sleep: async (_ms, signal) =>
      await new Promise<void>((resolve, reject) => {
        const end = () => reject(signal?.reason)
        signal?.addEventListener('abort', end, { once: true })
        sleepers.push(() => {
          signal?.removeEventListener('abort', end)
          resolve()
        })
      }),
  }
  const tick = async () => {
    for (const wake of sleepers.splice(0)) wake()
    await new Promise((done) => setImmediate(done))
  }
  let moved = 0
  let stalls = 0
  const watch = {
    clock,
    what: 'it',
    patienceMs: 60_000,
    progress: () => String(moved),
    onStall: () => void stalls++,
  }
  return { watch, tick, move: () => void moved++, stalls: () => stalls }
}

const hang = async (signal: AbortSignal) =>
  await new Promise<never>((_, reject) => {
    const end = () => reject(new AshlarError('CANCELLED', 'the channel was closed'))
    signal.addEventListener('abort', end, { once: true })
  })
const never = new AbortController().signal

test('what stands still for six looks is ended, with an error that says so', async () => {
  const { watch, tick, stalls } = make()
  const outcome = watched(watch, never, hang).catch((thrown: unknown) => thrown)
  for (let i = 0; i < 6; i++) {
    expect(stalls()).toBe(0)
    await tick()
  }
  expect(await outcome).toMatchObject({ code: 'DEADLINE', message: 'it has not moved for 60 s' })
  expect(stalls()).toBe(1)
})

test('what moves now and then is not', async () => {
  const { watch, tick, move, stalls } = make()
  const cancel = new AbortController()
  const outcome = watched(watch, cancel.signal, hang).catch((thrown: unknown) => thrown)
  for (let i = 0; i < 50; i++) {
    if (i % 5 === 0) move()
    await tick()
  }
  expect(stalls()).toBe(0)
  cancel.abort(new AshlarError('SHUTTING_DOWN', 'enough'))
  expect(await outcome).toMatchObject({ code: 'SHUTTING_DOWN' })
})

test('what ends is watched no longer', async () => {
  const { watch, tick, stalls } = make()
  expect(await watched(watch, never, async () => 'done')).toBe('done')
  const failed = new AshlarError('NO_SPACE', 'full')
  await expect(watched(watch, never, () => Promise.reject(failed))).rejects.toBe(failed)
  for (let i = 0; i < 10; i++) await tick()
  expect(stalls()).toBe(0)
})
