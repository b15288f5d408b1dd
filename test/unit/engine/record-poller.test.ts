// One look serves all orders that were done meanwhile, and tells nobody less than was done.

import { setTimeout as sleep } from 'node:timers/promises'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { RecordPoller } from '../../../src/engine/zone/record-poller.js'
import type { PoolRecords } from '../../../src/native/binding.js'

const none: PoolRecords = {
  volumes: [],
  cuts: [],
  origins: [],
  attachments: [],
  tombstones: [],
  clones: [],
}

let orders = 0
let looks = 0
let tombstones: string[] = []
let lookMs = 0
let stop: AbortController
let poller: RecordPoller

/** As an order does: the pool first, then its number, then the poller. */
function order(id: string): void {
  tombstones.push(id)
  orders++
  poller.soon()
}

beforeEach(() => {
  orders = 0
  looks = 0
  tombstones = []
  lookMs = 0
  stop = new AbortController()
  poller = new RecordPoller({
    read: () => {
      looks++
      const until = performance.now() + lookMs
      while (performance.now() < until) continue
      return { ...none, tombstones: tombstones.map((id) => ({ id, kind: 'cut' })) }
    },
    revision: () => orders,
    mark: () => '',
    clock: systemClock,
  })
})
afterEach(() => stop.abort())

const told = async () => {
  const feed = poller.feed()
  await feed.next(5000, systemClock, stop.signal)
  feed.close()
  return poller.seen()
}

test('orders of one turn share a look, which has them all', async () => {
  poller.start(stop.signal)
  const before = looks
  for (let count = 0; count < 100; count++) order(`t${count}`)
  const { revision, records } = await told()
  expect([revision, records.tombstones.length]).toEqual([100, 100])
  expect(looks - before).toBeLessThan(10)
})

test('however much there is to look at, looking takes the smaller part of the time', async () => {
  lookMs = 10
  poller.start(stop.signal)
  const before = looks
  const until = performance.now() + 500
  while (performance.now() < until) {
    order('t')
    await sleep(1)
  }
  expect((looks - before) * lookMs).toBeLessThan(0.6 * 500)
  while (poller.seen().revision < orders) await told()
  expect(poller.seen().records.tombstones.length).toBe(orders)
})

test('an order that changed nothing is told too', async () => {
  poller.start(stop.signal)
  orders++
  poller.soon()
  expect((await told()).revision).toBe(1)
})

test('nothing is looked at after the end', async () => {
  poller.start(stop.signal)
  poller.soon()
  stop.abort()
  const before = looks
  poller.soon()
  await sleep(300)
  expect(looks).toBe(before)
})
