// Mutual TLS between a region and its nodes, each a daemon of its own: what works without works with
// it, and whoever is not the site that it must be gets a reason and nothing else.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '@grpc/grpc-js'

import { AshlarError } from '../../src/base/error.js'
import {
  type SiteCredentials,
  type TlsIdentity,
  plainCredentials,
  tlsCredentials,
} from '../../src/client/site-credentials.js'
import { siteNameOf, siteUri } from '../../src/client/site-name.js'
import { unaryCalls } from '../../src/client/calls.js'
import { volumeService } from '../../src/gen/proto.js'
import type { PullOpen } from '../../src/engine/puller.js'
import { native } from '../../src/native/binding.js'
import { CopyClient } from '../../src/replication/copy-client.js'
import { PullClient } from '../../src/replication/pull-client.js'
import { ZoneClient } from '../../src/replication/zone-client.js'
import { identities, readIdentity, writeIdentity } from '../support/certificates.js'
import { unknownId } from '../support/api.js'
import { must } from '../support/tools.js'
import { World } from '../support/world.js'

const signal = () => AbortSignal.timeout(10_000)

async function failure(call: Promise<unknown>): Promise<AshlarError> {
  const thrown: unknown = await call.then(
    (answer) => new Error(`it was not refused: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  )
  // INTERNAL is what the test itself threw.
  if (thrown instanceof AshlarError && thrown.code !== 'INTERNAL') return thrown
  throw thrown
}

/** Why a pull is refused; fails when the source opens anything. */
async function refusedPull(
  address: string,
  peer: string,
  credentials: SiteCredentials,
  open: Partial<PullOpen>,
): Promise<AshlarError> {
  const client = new PullClient({ native: native(), address, peer, credentials })
  const receive = async () => await Promise.reject(new Error('the source has opened'))
  try {
    const pull = client.pull(receive, { snapshotId: unknownId, site: peer, ...open }, signal())
    return await failure(
      pull.then((outcome) => {
        if (outcome.kind === 'refused') throw outcome.error
        return outcome
      }),
    )
  } finally {
    client.close()
  }
}

async function refusedOrder(
  address: string,
  name: string,
  credentials: SiteCredentials,
): Promise<AshlarError> {
  const client = new ZoneClient({ name, address, credentials })
  try {
    const order = { kind: 'deleteVolume', volumeId: unknownId } as const
    return await failure(client.order(order, signal()))
  } finally {
    client.close()
  }
}

/** Of a volume that nobody has: it leaves a tombstone, which the region forgets. */
async function answeredOrder(address: string, name: string, credentials: SiteCredentials) {
  const client = new ZoneClient({ name, address, credentials })
  try {
    return await client.order({ kind: 'deleteVolume', volumeId: unknownId }, signal())
  } finally {
    client.close()
  }
}

async function refusedWatch(
  address: string,
  name: string,
  credentials: SiteCredentials,
  region: string,
): Promise<AshlarError> {
  const client = new ZoneClient({ name, address, credentials })
  const first = async () => {
    for await (const event of client.watch(region, signal())) return event
    return undefined
  }
  try {
    return await failure(first())
  } finally {
    client.close()
  }
}

interface VolumeView {
  readonly health_state: string
}
interface SnapshotView {
  readonly id: string
  readonly crn: string
}
interface ZoneView {
  readonly name: string
  readonly status: string
}

describe('a world whose sites talk TLS', () => {
  let world: World
  let dataUri: string
  const identityOf = (site: string) => readIdentity(world.tls, site)
  const asSite = (site: string) => tlsCredentials(identityOf(site))
  const node = () => world.zoneEndpoint('local-1')
  const region = () => world.siteEndpoint

  beforeAll(async () => {
    world = await World.start({
      zones: ['local-1', 'local-2'],
      poolCapacity: '256MiB',
      tls: true,
      // Nobody is there; the tests call as it would.
      peers: [{ name: 'remote', number: 2, address: 'unix:/nowhere/remote.sock' }],
    })
  }, 120_000)
  afterAll(async () => await world?.remove())

  async function isAvailable(zone: string): Promise<boolean> {
    const zones = await world.json<readonly ZoneView[]>('zones')
    return zones.find(({ name }) => name === zone)?.status === 'available'
  }

  test('stores a snapshot and restores it in the other zone', async () => {
    await world.must('volume-create', '--name', 'data', '--zone', 'local-1', '--size', '64MiB')
    dataUri = await world.must('attach', 'data')
    await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 1M 8M', '-c', 'flush', dataUri])
    await world.must('snapshot-create', '--volume', 'data', '--name', 'kept', '--wait')
    const from = ['--source-snapshot', 'kept', '--zone', 'local-2']
    await world.must('volume-create', '--name', 'back', ...from)
    const back = await world.must('attach', 'back')
    await must('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0x5a 1M 8M', back])
    await must('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', dataUri, back])
    const isFull = async () =>
      (await world.json<VolumeView>('volume', 'back')).health_state === 'ok'
    await world.until('the volume is hydrated', isFull, 60_000)
  }, 120_000)

  test('comes back when region and node are killed', async () => {
    await world.killAndRestart('region')
    await world.killAndRestart('local-1')
    await world.until('the zone is back', async () => await isAvailable('local-1'), 60_000)
    await world.must('snapshot-create', '--volume', 'data', '--name', 'again', '--wait')
  }, 120_000)

  test('serves the public API plainly and not to sites', async () => {
    const public_ = new Client(region(), ...channel(asSite('local-1-a'), 'local'))
    const volumes = unaryCalls({ grpc: public_, name: 'the site listener' }, volumeService)
    expect(await failure(volumes.listVolumes({}))).toMatchObject({ code: 'NOT_SUPPORTED' })
    public_.close()
    const pull = await refusedPull(world.endpoint, 'local', plainCredentials, { site: 'local-1-a' })
    expect(pull).toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('refuses callers without TLS', async () => {
    const pull = await refusedPull(region(), 'local', plainCredentials, { site: 'local-1-a' })
    expect(pull).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    const order = await refusedOrder(node(), 'local-1-a', plainCredentials)
    expect(order).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
  })

  test('refuses callers without a certificate', async () => {
    const said = await handshake(node(), { ca: identityOf('local').ca })
    expect(said).toContain('certificate required')
    await world.until(
      'it is in the log',
      async () => world.said('local-1').includes('peer did not return a certificate'),
      10_000,
    )
  })

  test('refuses callers of another authority', async () => {
    const strangers = await identities(['local', 'local-1-a'])
    // It does not even get to its own certificate while it does not trust ours.
    const stranger = known(strangers.get('local'))
    const doubting = await refusedOrder(node(), 'local-1-a', tlsCredentials(stranger))
    expect(doubting.message).toContain('self-signed certificate in certificate chain')
    const trusting = tlsCredentials({ ...stranger, ca: identityOf('local').ca })
    const order = await refusedOrder(node(), 'local-1-a', trusting)
    expect(order).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    const pull = await refusedPull(region(), 'local', trusting, { site: 'local-1-a' })
    expect(pull).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    for (const daemon of ['local-1', 'region']) {
      await world.until(
        'it is in the log',
        async () => world.said(daemon).includes('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        10_000,
      )
    }
  })

  test('refuses an older TLS', async () => {
    const said = await handshake(node(), { ...identityOf('local'), maxVersion: 'TLSv1.2' })
    expect(said).toContain('protocol version')
  })

  test('refuses a site that says another name than its certificate', async () => {
    const pull = await refusedPull(region(), 'local', asSite('local-1-a'), { site: 'local-2-a' })
    expect(pull).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: `the caller's certificate is of site local-1-a, and its message says "local-2-a"`,
    })
    const watch = await refusedWatch(node(), 'local-1-a', asSite('local'), 'remote')
    expect(watch).toMatchObject({ code: 'PERMISSION_DENIED', field: 'region' })
    expect(watch.message).toBe('node local-1-a belongs to region local and does not obey "remote"')
  })

  test('refuses what is not pinned for the site', async () => {
    const pull = await refusedPull(region(), 'local', asSite('local-1-a'), {
      site: 'local-1-a',
      pinId: unknownId,
    })
    expect(pull).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(pull.message).toContain('is not pinned')
  })

  test('a peer copies and pulls what it pinned; a node cannot, nor who says it is the peer', async () => {
    const { crn: snapshotCrn, id: snapshotId } = await world.json<SnapshotView>('snapshot', 'kept')
    const copyId = 'r002-00000000-0000-4000-8000-000000000001'
    const open = async (site: string, region: string) => {
      const client = new CopyClient({
        name: 'local',
        address: world.siteEndpoint,
        credentials: asSite(site),
      })
      const copyCrn = `crn:v1:ashlar:public:is:${region}:a/local::snapshot:${copyId}`
      try {
        const request = { copyId, region, snapshotCrn, copyCrn, copyName: 'copied' }
        return await client.open(request as Parameters<typeof client.open>[0], signal())
      } finally {
        client.close()
      }
    }
    expect(await failure(open('local-1-a', 'local-1-a'))).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: '"local-1-a" is not among the peers of region local',
    })
    expect(await failure(open('local-1-a', 'remote'))).toMatchObject({
      code: 'PERMISSION_DENIED',
      message: `the caller's certificate is of site local-1-a, and its message says "remote"`,
    })
    const { pinId } = await open('remote', 'remote')
    const mine = { snapshotId, pinId, site: 'local-1-a' }
    const stolen = await refusedPull(region(), 'local', asSite('local-1-a'), mine)
    expect(stolen).toMatchObject({ code: 'PERMISSION_DENIED' })
    expect(stolen.message).toContain('is not pinned')
    const forged = await refusedPull(region(), 'local', asSite('local-1-a'), {
      ...mine,
      site: 'remote',
    })
    expect(forged.message).toContain('and its message says "remote"')
    await expect(
      refusedPull(region(), 'local', asSite('remote'), { ...mine, site: 'remote' }),
    ).rejects.toThrow('the source has opened')
  })

  test('a node obeys and serves the certificate of its region only', async () => {
    const said = 'only site local may call this, not site local-2-a'
    const other = asSite('local-2-a')
    const answers = [
      await refusedOrder(node(), 'local-1-a', other),
      await refusedWatch(node(), 'local-1-a', other, 'local'),
      await refusedPull(node(), 'local-1-a', other, { site: 'local' }),
      await refusedPull(node(), 'local-1-a', other, { site: 'local-2-a' }),
    ]
    for (const answer of answers) {
      expect(answer).toMatchObject({ code: 'PERMISSION_DENIED', message: said })
    }
  })

  test('a caller refuses a server that is another site', async () => {
    const order = await refusedOrder(node(), 'local-2-a', asSite('local'))
    expect(order).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
    expect(order.message).toContain(
      'site local-2-a is expected there, but its certificate is of site local-1-a',
    )
    const pull = await refusedPull(region(), 'remote', asSite('local-1-a'), { site: 'local-1-a' })
    expect(pull.message).toContain('site remote is expected there')
  })

  test('a node with an expired certificate is away, says so, and serves its hosts', async () => {
    const before = identityOf('local-1-a')
    const longAgo = new Date(Date.now() - 11 * 365 * 24 * 3600 * 1000)
    const old = known((await identities(['local-1-a'], longAgo)).get('local-1-a'))
    const both = Buffer.concat([before.ca, old.ca])
    try {
      writeIdentity(world.tls, 'local-1-a', { ...old, ca: both })
      for (const site of ['local-1', 'region']) {
        await world.signal(site, 'SIGTERM')
        await world.start(site)
      }
      expect(world.said('local-1')).toMatch(
        /certificate \S+local-1-a.pem of site local-1-a expired/,
      )
      await world.until(
        'the region says why',
        async () => world.said('region').includes('certificate has expired'),
        10_000,
      )
      expect(await isAvailable('local-1')).toBe(false)
      expect(await isAvailable('local-2')).toBe(true)
      await must('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0x5a 1M 8M', dataUri])
      const pull = await refusedPull(region(), 'local', tlsCredentials({ ...old, ca: both }), {
        site: 'local-1-a',
      })
      expect(pull).toMatchObject({ code: 'REMOTE_UNAVAILABLE' })
      await world.until(
        'the region logs the caller',
        async () => world.said('region').includes('CERT_HAS_EXPIRED'),
        10_000,
      )
    } finally {
      writeIdentity(world.tls, 'local-1-a', before)
      for (const site of ['local-1', 'region']) {
        await world.signal(site, 'SIGTERM')
        await world.start(site)
      }
    }
    await world.until('the zone is back', async () => await isAvailable('local-1'), 60_000)
  }, 120_000)

  test('certificates, also of another authority, take effect without a restart', async () => {
    const names = ['local', 'local-1-a', 'local-2-a']
    const sites = ['region', 'local-1', 'local-2']
    const before = new Map(names.map((name) => [name, identityOf(name)]))
    const fresh = await identities(names)
    const freshOf = (name: string) => known(fresh.get(name))
    const { ca: freshCa } = freshOf('local')
    const ca = Buffer.concat([identityOf('local').ca, freshCa])
    const put = (from: ReadonlyMap<string, TlsIdentity>, believed: Buffer) => {
      for (const name of names) {
        writeIdentity(world.tls, name, { ...known(from.get(name)), ca: believed })
      }
      for (const site of sites) world.hangUp(site)
    }
    const asFresh = tlsCredentials(freshOf('local'))
    try {
      // First all believe both authorities, then all show the new one.
      put(before, ca)
      put(fresh, ca)
      await world.until(
        'a caller that knows the new authority only is answered',
        async () => {
          const order = await answeredOrder(node(), 'local-1-a', asFresh)
          return order.revision.bootId !== ''
        },
        10_000,
      )
      // Who was restarted believes the new one only, and the region, which was not, reaches it.
      for (const name of names) writeIdentity(world.tls, name, freshOf(name))
      await world.killAndRestart('local-2')
      await world.until('the zone is here', async () => await isAvailable('local-2'), 30_000)
      await world.must('volume-create', '--zone', 'local-2', '--source-snapshot', 'kept', '--wait')

      writeFileSync(join(world.tls, 'local.key'), 'x')
      world.hangUp('region')
      await world.until(
        'wrong files are told of',
        async () => world.said('region').includes('the certificates stay as they were'),
        10_000,
      )
      await world.killAndRestart('local-2')
      await world.until('it is still believed', async () => await isAvailable('local-2'), 30_000)
    } finally {
      put(before, known(before.get('local')).ca)
      await world.killAndRestart('local-2')
    }
    await world.until('all are here', async () => await isAvailable('local-2'), 30_000)
  }, 120_000)

  test.each<[what: string, damage: (folder: string) => void, says: string]>([
    [
      'no key file',
      (tls) => writeFileSync(join(tls, 'local.key'), ''),
      'has no private key in PEM',
    ],
    [
      'no certificate',
      (tls) => writeFileSync(join(tls, 'local.pem'), 'x'),
      'has no certificate in PEM',
    ],
    [
      "another site's files",
      (tls) => writeIdentity(tls, 'local', readIdentity(tls, 'local-1-a')),
      `local.pem is of site local-1-a; it needs the one alternative name URI:${siteUri('local')}`,
    ],
    [
      "another site's key",
      (tls) => writeFileSync(join(tls, 'local.key'), readFileSync(join(tls, 'local-1-a.key'))),
      'local.key is not the key of',
    ],
    [
      "another authority's file",
      (tls) => writeFileSync(join(tls, 'ca.pem'), readFileSync(join(tls, 'local.pem'))),
      'was not signed by an authority in',
    ],
  ])(
    'does not start with %s',
    async (_what, damage, says) => {
      const before = identityOf('local')
      await world.signal('region', 'SIGTERM')
      try {
        damage(world.tls)
        await expect(world.start('region')).rejects.toThrow(says)
        await expect(world.start('region')).rejects.toThrow(
          /ended with 2: .*ashlard: tls of site local: [^\n]+\n/s,
        )
      } finally {
        writeIdentity(world.tls, 'local', before)
      }
      await world.start('region')
    },
    60_000,
  )
})

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it was not made')
  return value
}

function channel(credentials: SiteCredentials, peer: string) {
  const { credentials: grpc, options } = credentials.channelTo(peer)
  return [grpc, options] as const
}

/** Why the server ends a TLS connection of a client that accepts any server. */
async function handshake(
  address: string,
  options: Partial<TlsIdentity> & { readonly maxVersion?: 'TLSv1.2' },
): Promise<string> {
  const socket = connectSocket(address.replace('unix:', ''))
  const tls = connectTls({
    socket,
    ALPNProtocols: ['h2'],
    checkServerIdentity: (_host, certificate) =>
      siteNameOf(certificate) === undefined ? new Error('no site') : undefined,
    ...options,
  })
  return await new Promise((resolve, reject) => {
    tls.on('error', (error) => resolve(error.message))
    tls.on('data', () => reject(new Error('the server has answered')))
    tls.on('close', () => resolve('closed'))
  })
}
