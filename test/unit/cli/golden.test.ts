// What commands print, whole: test/golden/cli has a file for each, with stderr and stdout as a user
// sees them. Layouts and JSON fields are contracts with scripts; ASHLAR_WRITE_GOLDEN=1 rewrites the
// files, and the difference is to be read.

import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

import type { FakeMethods } from '../fake-region.js'
import { ashlar } from './run.js'

const folder = resolve(import.meta.dirname, '..', '..', 'golden', 'cli')

const ids = {
  volume: 'r001-aaaaaaaa-0000-4000-8000-000000000001',
  monday: 'r001-bbbbbbbb-0000-4000-8000-000000000002',
  tuesday: 'r001-bbbbbbbb-0000-4000-8000-000000000003',
  copy: 'r002-cccccccc-0000-4000-8000-000000000004',
  restored: 'r001-aaaaaaaa-0000-4000-8000-000000000005',
  attachment: 'r001-dddddddd-0000-4000-8000-000000000006',
}
const crn = (place: string, type: string, id: string) =>
  `crn:v1:ashlar:public:is:${place}:a/acme::${type}:${id}`
const at = (seconds: number, nanos = 0) => ({ seconds: String(1767323045 + seconds), nanos })

const sourceVolume = {
  id: ids.volume,
  name: 'db',
  crn: crn('local-1', 'volume', ids.volume),
  deleted: true,
}
const clones = [
  {
    zone: 'local-2',
    available: true,
    createdAt: at(60),
    progress: {
      doneBytes: '1879048192',
      totalBytes: '1879048192',
      percent: 100,
      bytesPerSecond: '0',
    },
  },
  {
    zone: 'local-3',
    available: false,
    createdAt: at(90),
    progress: {
      doneBytes: '536870912',
      totalBytes: '1879048192',
      percent: 28,
      bytesPerSecond: '31457280',
    },
    reasons: [{ code: 'pool_full', message: 'the pool of node local-3-a is full' }],
  },
]
const monday = {
  id: ids.monday,
  name: 'db-monday',
  crn: crn('local', 'snapshot', ids.monday),
  etag: '1',
  lifecycleState: 'LIFECYCLE_STATE_STABLE',
  progress: {
    doneBytes: '1879048192',
    totalBytes: '1879048192',
    percent: 100,
    bytesPerSecond: '0',
  },
  createdAt: at(0),
  capturedAt: at(0, 123_456_789),
  minimumCapacityBytes: String(100n << 30n),
  storedBytes: '1181116006',
  logicalBytes: '1879048192',
  transferredBytes: '1201671241',
  sourceVolume,
  root: '3f'.repeat(32),
  userTags: ['env:prod', 'team:a'],
  resourceGroup: 'default',
  bootable: true,
  operatingSystem: {
    name: 'debian-12-amd64',
    vendor: 'Debian',
    version: '12',
    family: 'Debian GNU/Linux',
    architecture: 'amd64',
    displayName: 'Debian 12',
  },
  sourceImage: {
    id: 'img-1',
    name: 'debian-12',
    crn: 'crn:v1:acme:public:is:local:a/acme::image:img-1',
  },
  clones,
  copies: [
    {
      snapshot: {
        id: ids.copy,
        name: 'db-monday-far',
        crn: crn('far', 'snapshot', ids.copy),
        remoteRegion: 'far',
      },
      createdAt: at(120),
    },
  ],
  deletable: true,
  serviceTags: ['is.snapshot:db'],
  encryption: 'ENCRYPTION_TYPE_USER_MANAGED',
  encryptionKeyCrn: 'crn:v1:acme:public:kms:local:a/acme:k1:key:1',
}
const pending = {
  id: ids.tuesday,
  name: 'db-tuesday',
  crn: crn('local', 'snapshot', ids.tuesday),
  lifecycleState: 'LIFECYCLE_STATE_PENDING',
  lifecycleReasons: [{ code: 'region_full', message: 'the store of region local is full' }],
  progress: {
    doneBytes: '19922944',
    totalBytes: '41943040',
    percent: 47,
    bytesPerSecond: '31457280',
  },
  createdAt: at(86_400),
  minimumCapacityBytes: '1048576',
  sourceVolume: { ...sourceVolume, deleted: false },
  resourceGroup: 'default',
  deletable: true,
  encryption: 'ENCRYPTION_TYPE_PROVIDER_MANAGED',
}
const copy = {
  ...monday,
  id: ids.copy,
  name: 'db-monday-far',
  crn: crn('far', 'snapshot', ids.copy),
  lifecycleState: 'LIFECYCLE_STATE_WAITING',
  progress: { doneBytes: '0', totalBytes: '0', percent: 0, bytesPerSecond: '0' },
  storedBytes: '0',
  transferredBytes: '0',
  root: '',
  userTags: [],
  serviceTags: [],
  sourceImage: null,
  operatingSystem: null,
  bootable: false,
  sourceVolume: {
    ...sourceVolume,
    name: '-remote-000000000001',
    deleted: false,
    remoteRegion: 'local',
  },
  sourceSnapshot: {
    id: ids.monday,
    name: 'db-monday',
    crn: monday.crn,
    remoteRegion: 'local',
  },
  clones: [],
  copies: [],
}
const volume = {
  id: ids.restored,
  name: 'db-test',
  crn: crn('local-2', 'volume', ids.restored),
  zone: 'local-2',
  status: 'VOLUME_STATUS_AVAILABLE',
  healthState: 'VOLUME_HEALTH_STATE_DEGRADED',
  healthReasons: [{ code: 'initializing_from_snapshot', message: 'data is being fetched' }],
  attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
  attachmentIds: [ids.attachment],
  capacityBytes: String(100n << 30n),
  sourceSnapshot: { id: ids.monday, name: 'db-monday', crn: monday.crn },
  hydration: {
    doneBytes: '939524096',
    totalBytes: '1879048192',
    percent: 50,
    bytesPerSecond: '31457280',
  },
  userTags: ['env:test'],
  resourceGroup: 'default',
  createdAt: at(200),
}
const empty = {
  id: ids.volume,
  name: 'db',
  crn: sourceVolume.crn,
  zone: 'local-1',
  status: 'VOLUME_STATUS_AVAILABLE',
  healthState: 'VOLUME_HEALTH_STATE_OK',
  attachmentState: 'VOLUME_ATTACHMENT_STATE_UNATTACHED',
  capacityBytes: String(64n << 20n),
  resourceGroup: 'default',
  createdAt: at(-100),
}

const stats = {
  packs: 20,
  packBytes: '1181116006',
  chunks: '16384',
  nodes: '300',
  indexBytes: '1048576',
  indexMemoryBytes: '2097152',
  quarantined: 1,
  collectionGeneration: '7',
  catalogGeneration: '42',
  sessions: 1,
  pins: 2,
  problems: [{ code: 'corrupt', message: 'chunk 00ff is damaged' }],
}
const collected = {
  generation: '9',
  freedBytes: '67108864',
  packsDeleted: 1,
  packsRewritten: 2,
  chunksDropped: '1024',
  after: { ...stats, quarantined: 0, problems: [], collectionGeneration: '9' },
}

const GetSnapshot = ({ snapshot }: { snapshot: string }) =>
  snapshot === 'db-monday' ? monday : pending

interface Golden {
  readonly args: readonly string[]
  readonly methods: FakeMethods
}

const goldens: Readonly<Record<string, Golden>> = {
  'snapshot.txt': { args: ['snapshot', 'db-monday'], methods: { GetSnapshot } },
  'snapshot-pending.txt': { args: ['snapshot', 'db-tuesday'], methods: { GetSnapshot } },
  'snapshot-json.txt': {
    args: ['snapshot', 'db-monday', '--output', 'JSON'],
    methods: { GetSnapshot },
  },
  'snapshots.txt': {
    args: ['snapshots', '--volume', 'db'],
    methods: { ListSnapshots: () => ({ snapshots: [pending, monday] }) },
  },
  'snapshots-json.txt': {
    args: ['snapshots', '--output', 'json'],
    methods: { ListSnapshots: () => ({ snapshots: [pending] }) },
  },
  'snapshot-create.txt': {
    args: ['snapshot-create', '--volume', 'db', '--name', 'db-tuesday'],
    methods: { CreateSnapshot: () => pending },
  },
  'snapshot-create-copy.txt': {
    args: ['snapshot-create', '--source-snapshot-crn', monday.crn, '--name', 'db-monday-far'],
    methods: { CreateSnapshot: () => copy },
  },
  'snapshot-update.txt': {
    args: ['snapshot-update', 'db-tuesday', '--name', 'db-tuesday'],
    methods: { UpdateSnapshot: () => pending },
  },
  'snapshot-delete.txt': {
    args: ['snapshot-delete', 'db-monday', 'db-tuesday', '-f'],
    methods: {
      DeleteSnapshot: ({ snapshot }: { snapshot: string }) =>
        snapshot === 'db-monday' ? { snapshot: monday } : {},
    },
  },
  'snapshots-delete.txt': {
    args: ['snapshots-delete', '--volume', 'db', '-f'],
    methods: {
      ListSnapshots: () => ({ snapshots: [pending, monday] }),
      DeleteSnapshot: () => ({}),
    },
  },
  'snapshot-clone-create.txt': {
    args: ['snapshot-clone-create', ids.monday, '--zone', 'local-3'],
    methods: { CreateSnapshotClone: () => clones[1] },
  },
  'snapshot-clone.txt': {
    args: ['snapshot-cl', 'db-monday', 'local-2'],
    methods: { GetSnapshotClone: () => clones[0] },
  },
  'snapshot-clone-json.txt': {
    args: ['snapshot-clone', 'db-monday', 'local-3', '--output', 'json'],
    methods: { GetSnapshotClone: () => clones[1] },
  },
  'snapshot-clones.txt': {
    args: ['snapshot-clones', 'db-monday'],
    methods: { ListSnapshotClones: () => ({ clones }) },
  },
  'snapshot-clone-delete.txt': {
    args: ['snapshot-clone-delete', 'db-monday', 'local-2', '-f'],
    methods: { DeleteSnapshotClone: () => ({}) },
  },
  'volume.txt': { args: ['volume', 'db-test'], methods: { GetVolume: () => volume } },
  'volume-json.txt': {
    args: ['volume', 'db-test', '--output', 'json'],
    methods: { GetVolume: () => volume },
  },
  'volumes.txt': {
    args: ['volumes'],
    methods: { ListVolumes: () => ({ volumes: [volume, empty] }) },
  },
  'store-stats.txt': { args: ['store-stats'], methods: { GetStoreStats: () => stats } },
  'store-stats-json.txt': {
    args: ['store-stats', '--output', 'json'],
    methods: { GetStoreStats: () => stats },
  },
  'store-collect.txt': { args: ['store-collect'], methods: { CollectStore: () => collected } },
  'store-collect-json.txt': {
    args: ['store-collect', '--output', 'json'],
    methods: { CollectStore: () => collected },
  },
  'zone-forget.txt': {
    args: ['zone-forget', 'local-3', '-f'],
    methods: { ForgetZone: () => ({ pinsDropped: 1, volumesForgotten: 2 }) },
  },
  'pool-grow.txt': {
    args: ['pool-grow', 'local-1-a'],
    methods: {
      GrowPool: () => ({
        capacityBytes: String(200n << 30n),
        capacityBeforeBytes: String(100n << 30n),
      }),
    },
  },
  'pool-grow-same.txt': {
    args: ['pool-grow', 'local-1-a', '-q'],
    methods: {
      GrowPool: () => ({
        capacityBytes: String(100n << 30n),
        capacityBeforeBytes: String(100n << 30n),
      }),
    },
  },
  'volume-create.txt': {
    args: ['volume-create', '--name', 'db', '--zone', 'local-1', '--size', '64MiB'],
    methods: { CreateVolume: () => empty },
  },
}

test.each(Object.entries(goldens))('%s', async (file, { args, methods }) => {
  const { exit, out, err } = await ashlar(args, methods)
  const printed = `$ ashlar ${args.join(' ')}\n-- stderr\n${err}-- stdout\n${out}-- exit ${exit}\n`
  const path = join(folder, file)
  if (process.env['ASHLAR_WRITE_GOLDEN'] === '1') writeFileSync(path, printed)
  expect(printed).toBe(readFileSync(path, 'utf8'))
})

test('there is no file without its command', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(goldens).sort())
})
