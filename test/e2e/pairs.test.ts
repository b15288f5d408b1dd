// Every pair of public calls on one object, at the same moment: each of the two is answered as its
// comment in proto/ documents, whichever comes first, and nothing is left over. In the soak 20 times.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'

import type { Client } from '../../src/client/client.js'
import { refusal } from '../support/api.js'
import { commentsOf, reasonsIn, textOf } from '../support/methods/documented.js'
import { Ground } from '../support/methods/ground.js'
import { World } from '../support/world.js'

const rounds = process.env['ASHLAR_SOAK'] === '1' ? 20 : 1
const comments = commentsOf(textOf('ashlar/v1'))

let ground: Ground
let client: Client
beforeAll(async () => {
  const zones = ['local-1', 'local-2']
  ground = await Ground.begin(await World.start({ zones, poolCapacity: '256MiB' }), zones)
  client = ground.client
})
afterEach(async () => await ground.expectNothingLeftOver())
afterAll(async () => await ground?.close())

/** Calls by name: the method, and what makes this call of it a special one. */
type Calls = Readonly<Record<string, (id: string) => Promise<unknown>>>

interface Kind {
  readonly name: string
  /** The id of a new one. */
  readonly make: () => Promise<string>
  readonly calls: Calls
}

const mask = (...paths: readonly string[]) => ({ updateMask: { paths: [...paths] } })
const newName = () => ground.newName('pair')

const volumeCalls: Calls = {
  'UpdateVolume of the name': (volume) =>
    client.volumes.updateVolume({ volume, name: newName(), ...mask('name') }),
  'UpdateVolume of the size': (volume) =>
    client.volumes.updateVolume({ volume, capacityBytes: `${8 << 20}`, ...mask('capacity_bytes') }),
  DeleteVolume: (volume) => client.volumes.deleteVolume({ volume }),
  GetVolume: (volume) => client.volumes.getVolume({ volume }),
  CreateAttachment: (volume) => client.attachments.createAttachment({ volume, host: 'host-1' }),
  'CreateAttachment of another host': (volume) =>
    client.attachments.createAttachment({ volume, host: 'host-2' }),
  CreateSnapshot: (sourceVolume) =>
    client.snapshots.createSnapshot({ sourceVolume, name: newName() }),
}

const snapshotCalls: Calls = {
  UpdateSnapshot: (snapshot) =>
    client.snapshots.updateSnapshot({ snapshot, name: newName(), ...mask('name') }),
  DeleteSnapshot: (snapshot) => client.snapshots.deleteSnapshot({ snapshot }),
  GetSnapshot: (snapshot) => client.snapshots.getSnapshot({ snapshot }),
  'CreateSnapshotClone here': (snapshot) =>
    client.snapshots.createSnapshotClone({ snapshot, zone: 'local-1' }),
  'CreateSnapshotClone there': (snapshot) =>
    client.snapshots.createSnapshotClone({ snapshot, zone: 'local-2' }),
  DeleteSnapshotClone: (snapshot) =>
    client.snapshots.deleteSnapshotClone({ snapshot, zone: 'local-2' }),
  'CreateVolume here': (sourceSnapshot) =>
    client.volumes.createVolume({ zone: 'local-1', name: newName(), sourceSnapshot }),
  'CreateVolume there': (sourceSnapshot) =>
    client.volumes.createVolume({ zone: 'local-2', name: newName(), sourceSnapshot }),
}

const kinds: readonly Kind[] = [
  {
    name: 'a volume',
    make: async () => (await client.volumes.getVolume({ volume: await ground.newVolume() })).id,
    calls: volumeCalls,
  },
  {
    name: 'a snapshot that may be pending',
    make: async () =>
      (await client.snapshots.getSnapshot({ snapshot: await ground.newSnapshot() })).id,
    calls: snapshotCalls,
  },
  {
    name: 'a snapshot that has a clone',
    make: async () =>
      (await client.snapshots.getSnapshot({ snapshot: await ground.newClone('local-2') })).id,
    calls: snapshotCalls,
  },
  {
    name: 'an attachment',
    make: async () => (await ground.attach(await ground.newVolume())).id,
    calls: {
      GetAttachment: (attachment) => client.attachments.getAttachment({ attachment }),
      DeleteAttachment: (attachment) => client.attachments.deleteAttachment({ attachment }),
    },
  },
]

/** Done, or refused for a reason that the method's comment names. */
async function expectDocumented(name: string, call: Promise<unknown>): Promise<void> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error ?? new Error('nothing'),
  )
  if (thrown === undefined) return
  const { reason, status, message } = await refusal(Promise.reject(thrown))
  const documented = reasonsIn(comments.get(name.replace(/ .*/, '')) ?? '')
  expect(documented, `${name}: ${status} ${message}`).toContain(reason.toLowerCase())
}

describe.each(kinds)('$name', ({ make, calls }) => {
  const all = Object.entries(calls)
  const pairs = all.flatMap(([first, call], at) =>
    all.slice(at).map(([second, other]) => ({ first, call, second, other })),
  )
  test.each(pairs)('$first and $second', async ({ first, call, second, other }) => {
    for (let round = 0; round < rounds; round++) {
      const id = await make()
      const both = [call(id), other(id)] as const
      // Each is watched before either is waited for.
      await Promise.all([expectDocumented(first, both[0]), expectDocumented(second, both[1])])
    }
  })
})
