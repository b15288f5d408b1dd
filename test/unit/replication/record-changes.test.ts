// A stream of changes leads its receiver to the same records as whole lists would, whatever came and went.

import { expect, test } from 'vitest'

import type { NodeRecords } from '../../../src/engine/zone-control.js'
import { SentRecords } from '../../../src/replication/record-changes.js'
import { decodeEvent, encodeEvent } from '../../../src/replication/zone-codec.js'
import { zoneService } from '../../../src/gen/proto.js'
import { Random, seedOf } from '../../support/random.js'

const random = new Random(seedOf('record changes'))
const below = (limit: number) => Math.floor(random.below(limit))

const node: NodeRecords['node'] = {
  name: 'z-1-a',
  zone: 'z-1',
  region: 'local',
  nbdUnixPath: '/run/z',
  nbdTcpAddress: '',
  capacityBytes: 1n << 40n,
  freeBytes: 1n << 39n,
  readOnly: false,
  poolId: 'p',
  poolGeneration: 7n,
  poolOpenedGeneration: 3n,
}

type Volume = NodeRecords['volumes'][number]
type Cut = NodeRecords['cuts'][number]
type Tombstone = NodeRecords['tombstones'][number]

const volume = (): Volume => ({
  volumeId: `v${below(50)}`,
  bytes: BigInt(below(1000)),
  hydrated: below(2) === 0,
})
const cut = (): Cut => ({
  snapshotId: `s${below(50)}`,
  epoch: below(9),
  bytes: 4096n,
  capturedNs: BigInt(below(1000)),
  hidden: false,
  sealed: below(2) === 0,
})
const tombstone = (): Tombstone => ({ id: `t${below(50)}`, kind: 'cut' })

const empty: NodeRecords = {
  revision: { bootId: 'b', number: 0 },
  node,
  volumes: [],
  cuts: [],
  origins: [],
  attachments: [],
  tombstones: [],
  clones: [],
}

/** As a table does: an item goes, another takes its place, or one is new at any place. */
function changed<Item>(items: readonly Item[], make: () => Item): Item[] {
  const now = [...items]
  for (let count = below(4); count > 0; count--) {
    const at = below(now.length + 1)
    if (below(3) === 0) now.splice(at, 1)
    else now.splice(at, below(2), make())
  }
  return now
}

/** Through the wire. */
function carried(message: ReturnType<typeof encodeEvent>) {
  const { responseSerialize, responseDeserialize } = zoneService.Watch
  const bytes = responseSerialize(message)
  return { bytes: bytes.length, message: responseDeserialize(bytes) }
}

const sorted = (items: readonly object[]) =>
  items
    .map((item) =>
      JSON.stringify(item, (_, at: unknown) => (typeof at === 'bigint' ? `${at}` : at)),
    )
    .sort()

function expectSame(found: NodeRecords | undefined, wanted: NodeRecords): void {
  expect(found?.revision).toEqual(wanted.revision)
  expect(found?.node).toEqual(wanted.node)
  for (const name of [
    'volumes',
    'cuts',
    'origins',
    'attachments',
    'tombstones',
    'clones',
  ] as const) {
    expect(sorted(found?.[name] ?? [])).toEqual(sorted(wanted[name]))
  }
}

test('leads to the same records, 2,000 times', () => {
  const sent = new SentRecords()
  let here = empty
  let there: NodeRecords | undefined
  for (let number = 0; number < 2000; number++) {
    here = {
      ...here,
      revision: { bootId: 'b', number },
      node: { ...node, freeBytes: BigInt(number) },
      volumes: changed(here.volumes, volume),
      cuts: changed(here.cuts, cut),
      tombstones: changed(here.tombstones, tombstone),
    }
    const event = decodeEvent(
      carried(encodeEvent({ kind: 'records', records: here }, sent)).message,
      there,
    )
    if (event?.kind === 'records') there = event.records
    expectSame(there, here)
  }
})

test('a change costs what has changed', () => {
  const sent = new SentRecords()
  const volumes = Array.from({ length: 10_000 }, (_, at) => ({ ...volume(), volumeId: `v${at}` }))
  const encoded = (now: readonly Volume[]) =>
    carried(encodeEvent({ kind: 'records', records: { ...empty, volumes: now } }, sent)).bytes
  const whole = encoded(volumes)
  expect(whole).toBeGreaterThan(100_000)
  expect(encoded([...volumes.slice(0, 77), volume(), ...volumes.slice(78)])).toBeLessThan(300)
})

test.each([
  ['changes before any records', undefined, [0]],
  ['a place that is not there', [volume()], [1]],
  ['a place named twice', [volume(), volume()], [1, 1]],
])('%s are refused', (_, before, goneVolumes) => {
  const from = before && { ...empty, volumes: before }
  const added = encodeEvent({ kind: 'records', records: empty }).records
  const { message } = carried({ changes: { ...(added ? { added } : {}), goneVolumes } })
  expect(() => decodeEvent(message, from)).toThrow(/the node/)
})
