// Turns, and leaving the queue.

import { expect, test } from 'vitest'

import { Lanes, Semaphore } from '../../../src/engine/region/core/semaphore.js'

const never = new AbortController().signal
const settle = async () => await new Promise((done) => setImmediate(done))

function held(run: (body: () => Promise<void>) => Promise<void>) {
  let end = () => undefined as void
  let began = false
  const until = new Promise<void>((resolve) => (end = resolve))
  const ended = run(async () => {
    began = true
    await until
  })
  return { began: () => began, end, ended }
}

test('those who wait get their turns in order, and who leaves is not in the way', async () => {
  const semaphore = new Semaphore(1)
  const leaves = new AbortController()
  const first = held((body) => semaphore.run(never, body))
  const second = held((body) => semaphore.run(leaves.signal, body))
  const third = held((body) => semaphore.run(never, body))
  const reason = new Error('deleted')
  leaves.abort(reason)
  // Nobody has ended, and it does not wait for anybody.
  await expect(second.ended).rejects.toBe(reason)
  expect([second.began(), third.began()]).toEqual([false, false])
  first.end()
  await first.ended
  await settle()
  expect(third.began()).toBe(true)
  third.end()
  await third.ended
  const again = held((body) => semaphore.run(never, body))
  await settle()
  expect(again.began()).toBe(true)
  again.end()
})

test('who is cancelled with its turn gives it on', async () => {
  const semaphore = new Semaphore(1)
  const cancelled = new AbortController()
  const first = held((body) => semaphore.run(never, body))
  const second = held((body) => semaphore.run(cancelled.signal, body))
  first.end()
  cancelled.abort(new Error('deleted'))
  await second.ended.catch(() => undefined)
  const third = held((body) => semaphore.run(never, body))
  await settle()
  expect(third.began()).toBe(true)
  third.end()
})

test('who was cancelled before takes no turn', async () => {
  const semaphore = new Semaphore(1)
  await expect(
    semaphore.run(AbortSignal.abort(new Error('deleted')), async () => undefined),
  ).rejects.toThrow('deleted')
})

test('a lane waits for no other', async () => {
  const lanes = new Lanes(1)
  const a = held((body) => lanes.run('a', never, body))
  const b = held((body) => lanes.run('b', never, body))
  const behind = held((body) => lanes.run('a', never, body))
  await settle()
  expect([a.began(), b.began(), behind.began()]).toEqual([true, true, false])
  a.end()
  await settle()
  expect(behind.began()).toBe(true)
})
