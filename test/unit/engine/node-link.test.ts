// What a region makes of what a node tells it.

import { afterEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { makeId } from '../../../src/base/ids.js'
import { makeLogger } from '../../../src/base/logger.js'
import { NodeLink } from '../../../src/engine/region/nodes/node-link.js'
import type { ZoneEvent } from '../../../src/engine/zone-control.js'
import { FakeZone } from '../../support/fake-zone.js'

let link: NodeLink | undefined
afterEach(async () => await link?.stop())

test('what is on its way has a rate, until it is there', async () => {
  let ms = 1_000
  const zone = new FakeZone('node-a', 'zone-a')
  const [volumeId, cloneId, snapshotId] = [makeId(1), makeId(1), makeId(1)]
  zone.volumes.set(volumeId, { volumeId, bytes: 4096n, hydrated: false })
  zone.clones.set(cloneId, { cloneId, snapshotId, available: false })
  const events: ZoneEvent[] = []
  let wake = () => undefined as void
  link = new NodeLink({
    name: 'node-a',
    zone: 'zone-a',
    region: 'local',
    control: {
      order: async (order, signal) => await zone.order(order, signal),
      audit: async (snapshot) => await zone.audit(snapshot),
      growPool: async () => await zone.growPool(),
      async *watch(_region, signal) {
        signal.addEventListener('abort', () => wake(), { once: true })
        while (!signal.aborted) {
          for (let event = events.shift(); event !== undefined; event = events.shift()) yield event
          await new Promise<void>((resolve) => (wake = resolve))
        }
      },
    },
    admission: { admit: async () => undefined, takesOrders: () => true },
    clock: { ...systemClock, monotonicMs: () => ms },
    log: makeLogger({ name: 'test', level: 'silent' }),
  })
  const tell = async (...told: ZoneEvent[]) => {
    events.push(...told)
    wake()
    while (events.length > 0) await systemClock.sleep(1)
    await systemClock.sleep(1)
  }
  const moving = (doneBytes: bigint): ZoneEvent[] => {
    const progress = { doneBytes, totalBytes: 10_000n, trouble: undefined }
    return [
      { kind: 'hydration', progress: { volumeId, ...progress } },
      { kind: 'clone', progress: { cloneId, ...progress } },
    ]
  }
  link.start()
  await tell({ kind: 'records', records: zone.records() }, ...moving(0n))
  expect(link.hydrationOf(volumeId)).toMatchObject({ doneBytes: 0n, bytesPerSecond: 0n })
  ms += 2_000
  await tell(...moving(5_000n))
  for (const found of [link.hydrationOf(volumeId), link.cloneProgressOf(cloneId)]) {
    expect(found).toMatchObject({ doneBytes: 5_000n, totalBytes: 10_000n, bytesPerSecond: 2_500n })
  }
  ms += 10_000
  expect(link.hydrationOf(volumeId)?.bytesPerSecond).toBe(0n)
  zone.volumes.set(volumeId, { volumeId, bytes: 4096n, hydrated: true })
  await tell({ kind: 'records', records: zone.records() })
  expect(link.hydrationOf(volumeId)).toBeUndefined()
  expect(link.cloneProgressOf(cloneId)).toBeDefined()
})
