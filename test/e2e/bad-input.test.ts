// Whatever is wrong on the way in is said once, in one sentence, with an exit code or a status that
// fits, and touches nobody else: configurations, pool files, catalogs, command lines, bytes on a port.

import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectSocket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

import { Client as GrpcClient, credentials, status } from '@grpc/grpc-js'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { Client } from '../../src/client/client.js'
import { MiB, Objects, ZoneApi, invalid, newRequestId, refusal, unknownId } from '../support/api.js'
import { Random, seedOf } from '../support/random.js'
import { type Ran, freePort, must, run } from '../support/tools.js'
import { World } from '../support/world.js'

const program = resolve(import.meta.dirname, '..', '..', 'build', 'bin', 'ashlard.js')
const folder = mkdtempSync(join(tmpdir(), 'ashb-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let cases = 0
/** A folder of its own for each case. */
function newFolder(): string {
  const path = join(folder, String(cases++))
  mkdirSync(path)
  return path
}

const daemon = (...args: readonly string[]): Promise<Ran> =>
  run(process.execPath, [program, ...args], 30_000)

/** Runs a daemon that is expected to refuse this configuration. `@` is a folder of its own. */
async function refused(config: string, at = newFolder()): Promise<Ran> {
  const file = join(at, 'config.toml')
  writeFileSync(file, config.replaceAll('@', at))
  return await daemon('--config', file)
}

function expectOneSentence({ code, stdout, stderr }: Ran, exit: number, ...says: string[]): void {
  expect(stderr).toMatch(/^ashlard: [^\n]{10,}\n$/)
  for (const part of says) expect(stderr).toContain(part)
  expect([code, stdout]).toEqual([exit, ''])
}

const region = `[[region]]
name = "local"
number = 1
data = "@/region"
listen = "unix:@/region.sock"
`
const node = `[[node]]
name = "a"
zone = "local-1"
region = "local"
region_address = "unix:@/region.sock"
data = "@/a"
pool_capacity = "64MiB"
listen = "unix:@/a.sock"
nbd_unix = "@/a.nbd"
`

// test/unit/daemon/config.test.ts has every case; here is one of each kind, as an operator sees it.
describe.concurrent('a configuration', () => {
  test.each([
    ['is no TOML', 'a = 1\nb = = 2\n', 'line 2, column 5'],
    ['has an unknown key', `${node}nbd_tpc = "x"\n`, 'node[0].nbd_tpc: is not a known key'],
    ['has text for a number', region.replace('= 1', '= "1"'), 'region[0].number'],
    ['has gRPC on every address', region.replace('unix:@/region.sock', '0.0.0.0:7440'), 'loopback'],
    ['has a name twice', `${node}${node}`, 'node name a is there twice'],
  ])('that %s is refused', async (_what, config, says) => {
    expectOneSentence(await refused(config), 2, says)
  })

  test('that is not there, or is a folder, is refused', async () => {
    const at = newFolder()
    const none = join(at, 'none.toml')
    expectOneSentence(await daemon('--config', none), 1, none)
    expectOneSentence(await daemon('--config', at), 1, at)
  })

  test('is not even read after a wrong option', async () => {
    expectOneSentence(await daemon('--frob'), 2, '--frob')
    expectOneSentence(await daemon('frob'), 2, 'frob')
  })

  test.each([
    ['the folder of a node', node, 'a', 'file already exists'],
    ['the socket of a region', region, 'region.sock', 'not a socket'],
    ['the NBD socket of a node', node, 'a.nbd', 'not a socket'],
  ])('is refused when %s is a file, and that stays', async (_what, config, name, says) => {
    const at = newFolder()
    const file = join(at, name)
    writeFileSync(file, 'mine')
    const ran = await refused(config, at)
    expectOneSentence(ran, ran.code, file, says)
    expect(ran.code).toBeGreaterThan(0)
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  test('is refused when somebody listens there', async () => {
    const port = await freePort()
    const server = createServer().listen(port, '127.0.0.1')
    const listening = `127.0.0.1:${port}`
    const grpc = await refused(region.replace('unix:@/region.sock', listening))
    expectOneSentence(grpc, 1, 'ashlard: listen: ', listening, 'address already in use')
    const sites = await refused(`${region}site_listen = "${listening}"\n`)
    expectOneSentence(sites, 1, 'ashlard: site_listen: ', listening, 'address already in use')
    const zone = await refused(node.replace('unix:@/a.sock', listening))
    expectOneSentence(zone, 1, 'ashlard: listen: ', listening, 'address already in use')
    const nbd = await refused(`${node}nbd_tcp = "${listening}"\n`)
    expectOneSentence(nbd, 1, 'ashlard: nbd_tcp: ', listening, 'in use')
    server.close()
  })
})

const crc32cTable = Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  return crc >>> 0
})

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (crc32cTable[(crc ^ byte) & 0xff] ?? 0)
  return (crc ^ 0xffff_ffff) >>> 0
}

describe.concurrent('a pool file', () => {
  // native/format/README.md: two superblocks of a block each, version at 8, the tree of volumes at
  // 168, CRC32C of what is before it at 4092.
  const block = 4096
  let good: string
  beforeAll(async () => {
    const world = await World.start({ zones: ['local-1'], poolCapacity: '64MiB' })
    const client = new Client(world.endpoint)
    const capacityBytes = String(4n * MiB)
    const { id } = await client.volumes.createVolume({ zone: 'local-1', capacityBytes })
    const attached = await client.attachments.createAttachment({ volume: id, host: 'h' })
    await must('qemu-io', ['-f', 'raw', '-c', 'write 0 4M', '-c', 'flush', attached.nbdUnixUri])
    client.close()
    await world.signal('local-1', 'SIGTERM')
    good = join(newFolder(), 'pool')
    copyFileSync(join(world.folder, 'local-1', 'pool'), good)
    await world.remove()
  })

  /** The good pool after `spoil`, in the place where the node looks for it. */
  function spoiled(spoil: (bytes: Buffer) => Buffer): {
    readonly at: string
    readonly file: string
  } {
    const at = newFolder()
    const file = join(at, 'a', 'pool')
    mkdirSync(dirname(file))
    writeFileSync(file, spoil(readFileSync(good)))
    return { at, file }
  }
  /** Both superblocks changed, and their checksums with them. */
  function inSuperblocks(bytes: Buffer, change: (superblock: Buffer) => void): Buffer {
    for (const first of [0, block]) {
      const superblock = bytes.subarray(first, first + block)
      change(superblock)
      superblock.writeUInt32LE(crc32c(superblock.subarray(0, 4092)), 4092)
    }
    return bytes
  }
  function flipped(bytes: Buffer, first: number, count: number): Buffer {
    for (let at = first; at < first + count; at++) bytes[at] = (bytes[at] ?? 0) ^ 0xff
    return bytes
  }
  const volumesAt = (bytes: Buffer): number => {
    const [a, b] = [bytes.readBigUInt64LE(32), bytes.readBigUInt64LE(block + 32)]
    return Number(bytes.readBigUInt64LE((a > b ? 0 : block) + 168)) * block
  }

  test.each<[string, (bytes: Buffer) => Buffer, string, number]>([
    ['of somebody else', () => randomBytes(1 << 20), 'holds no Ashlar pool', 4],
    ['of a few bytes', () => randomBytes(100), 'too short to be a pool', 4],
    ['cut off', (bytes) => bytes.subarray(0, bytes.length - block), 'truncated', 8],
    ['cut off early', (bytes) => bytes.subarray(0, 3 * block), 'truncated', 8],
    [
      'of a newer version',
      (bytes) => inSuperblocks(bytes, (at) => at.writeUInt32LE(at.readUInt32LE(8) + 1, 8)),
      'written by a newer version',
      4,
    ],
    [
      'of an impossible shape',
      (bytes) => inSuperblocks(bytes, (superblock) => superblock.writeBigUInt64LE(0n, 64)),
      'not plausible',
      8,
    ],
    ['with both superblocks damaged', (bytes) => flipped(bytes, 200, block), 'damaged', 8],
    [
      'whose table of volumes is damaged',
      (bytes) => flipped(bytes, volumesAt(bytes), 8),
      'tree',
      8,
    ],
  ])('%s is refused, by the check too, and left as it is', async (_what, spoil, says, checked) => {
    const { at, file } = spoiled(spoil)
    const before = readFileSync(file)
    expectOneSentence(await refused(node, at), 1, file, says)
    const check = await cli('pool-check', file)
    expect(check.code).toBe(checked)
    expect(check.stdout + check.stderr).toContain(says)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('that is good is sound, before and after a daemon had it', async () => {
    const { at, file } = spoiled((bytes) => bytes)
    expect(await cli('pool-check', file)).toMatchObject({ code: 0, stderr: '' })
    const busy = await refused(`${node}nbd_tcp = "192.0.2.1:9"\n`, at)
    expectOneSentence(busy, 1, '192.0.2.1:9')
    expect(await cli('pool-check', file)).toMatchObject({ code: 0, stderr: '' })
  })
})

/** The command line, as a program. */
const cli = (...args: readonly string[]): Promise<Ran> =>
  run(process.execPath, [join(dirname(program), 'ashlar.js'), ...args], 60_000)

describe('beside a region that serves', () => {
  let world: World
  let client: Client
  let objects: Objects
  let uri: string
  beforeAll(async () => {
    world = await World.start({ zones: ['local-1'], poolCapacity: '64MiB' })
    client = new Client(world.endpoint)
    objects = new Objects(client)
    const capacityBytes = String(4n * MiB)
    await client.volumes.createVolume({ name: 'db', zone: 'local-1', capacityBytes })
    uri = (await client.attachments.createAttachment({ volume: 'db', host: 'h' })).nbdUnixUri
    await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 4M', '-c', 'flush', uri])
  })
  afterAll(async () => {
    client?.close()
    await world?.remove()
  })

  /** Old connections and new ones, of all kinds. */
  async function expectServing(): Promise<void> {
    const fresh = new Client(world.endpoint)
    for (const each of [client, fresh]) {
      expect((await each.volumes.listVolumes({})).volumes).toMatchObject([{ name: 'db' }])
    }
    fresh.close()
    const zone = new ZoneApi(world.zoneEndpoint('local-1'))
    expect((await zone.records()).volumes).toHaveLength(1)
    zone.close()
    const read = await must('qemu-io', ['-r', '-f', 'raw', '-c', 'read -P 0x5a 0 4M', uri])
    expect(read).not.toContain('failed')
  }

  describe.concurrent('a command line', () => {
    const none = ['--endpoint', `unix:${folder}/nobody.sock`]
    const wrong: readonly (readonly [line: string, exit: number, says: string, args: string[]])[] =
      [
        ['an unknown command', 2, 'frob', ['frob']],
        ['an unknown option', 2, '--frob', ['volumes', '--frob']],
        ['a size of no unit', 2, '"5XB"', ['volume-create', '--zone', 'local-1', '--size', '5XB']],
        ['a size too small', 2, '1 MiB', ['volume-create', '--zone', 'local-1', '--size', '1KiB']],
        ['an unknown zone', 3, 'nowhere', ['volume-create', '--zone', 'nowhere', '--size', '1MiB']],
        ['an unknown volume', 3, 'no volume', ['volume', 'nowhere']],
        ['an unknown snapshot', 3, 'no snapshot', ['snapshot', 'nowhere']],
        [
          'a name that is taken',
          4,
          'taken',
          ['volume-create', '--name', 'db', '--zone', 'local-1', '--size', '1MiB'],
        ],
        ['a volume in use', 4, 'detach', ['volume-delete', '-f', 'db']],
        ['a smaller size', 2, 'cannot shrink', ['volume-update', 'db', '--size', '1MiB']],
        ['no confirmation', 2, '-f', ['volume-delete', 'db']],
        ['an address that is none', 2, 'nonsense', ['volumes', '--endpoint', 'nonsense']],
        ['a region that is away', 6, 'cannot be reached', ['volumes', ...none]],
        ['a file that is away', 3, 'none.raw', ['verify', join(folder, 'none.raw')]],
      ]
    test.each(wrong)(
      'with %s ends with exit code %i and one line',
      async (_line, exit, says, args) => {
        const at = args.includes('--endpoint') ? [] : ['--endpoint', world.endpoint]
        const { code, stdout, stderr } = await cli(...args, ...at, '-q')
        expect(stderr).toMatch(/^ashlar: [^\n]+ \([a-z_]+\): [^\n]+\n$/)
        expect(stderr).toContain(says)
        expect([code, stdout]).toEqual([exit, ''])
      },
    )

    test('says it as JSON where that is asked for', async () => {
      const { code, stdout, stderr } = await cli('volumes', ...none, '-o', 'json')
      expect([code, stdout]).toEqual([6, ''])
      const { error } = JSON.parse(stderr) as { readonly error: unknown }
      expect(error).toMatchObject({ reason: 'region_unavailable', message: expect.any(String) })
    })

    test('says that some of several are done', async () => {
      const capacityBytes = String(MiB)
      await client.volumes.createVolume({ name: 'gone', zone: 'local-1', capacityBytes })
      const at = ['--endpoint', world.endpoint, '-q']
      const { code, stdout, stderr } = await cli('volume-delete', '-f', 'gone', 'nowhere', ...at)
      expect([code, stdout]).toEqual([7, expect.stringContaining('gone is deleted')])
      expect(stderr).toMatch(/^ashlar: there is no volume "nowhere" [^\n]+\n$/)
    })
  })

  describe('a second daemon', () => {
    test('on the same pool is refused', async () => {
      const pool = join(world.folder, 'local-1', 'pool')
      expectOneSentence(await refused(`${node}pool_file = "${pool}"\n`), 1, pool, 'another process')
      expect(await cli('pool-check', pool)).toMatchObject({ code: 4, stdout: '' })
      await expectServing()
    })

    test('on the same catalog or the same socket is refused', async () => {
      const data = join(world.folder, 'region')
      const sameData = region.replace('@/region"', `${data}"`)
      const sameSocket = region.replace('unix:@/region.sock', world.endpoint)
      const sameNbd = node.replace('@/a.nbd', join(world.folder, 'local-1.nbd'))
      const all = [sameData, sameSocket, sameNbd].map(async (config) => await refused(config))
      const [onData, onSocket, onNbd] = await Promise.all(all)
      if (!onData || !onSocket || !onNbd) throw new Error('not all have ended')
      expectOneSentence(onData, 1, data, 'another process')
      expectOneSentence(onSocket, 1, 'ashlard: listen: another process listens')
      expectOneSentence(onNbd, 1, 'ashlard: nbd_unix: ', 'another server listens')
      await expectServing()
    })
  })

  describe('a caller that does not keep to gRPC', () => {
    const volumeService = '/ashlar.v1.VolumeService'
    /** One unary call of raw bytes. */
    async function raw(endpoint: string, path: string, bytes: Buffer): Promise<string> {
      const peer = new GrpcClient(endpoint, credentials.createInsecure())
      const same = (each: Buffer) => each
      const code = await new Promise<status>((done) => {
        peer.makeUnaryRequest(path, same, same, bytes, (error) => done(error?.code ?? status.OK))
      })
      peer.close()
      return status[code]
    }

    test('is refused with a message over 4 MiB, and heard with one below', async () => {
      const etag = (length: number) => ({ volume: 'nowhere', etag: 'x'.repeat(length) })
      const over = client.volumes.deleteVolume(etag(4 << 20))
      expect(await refusal(over)).toMatchObject({ status: 'RESOURCE_EXHAUSTED' })
      const below = client.volumes.deleteVolume(etag((4 << 20) - 100))
      expect(await refusal(below)).toMatchObject({ status: 'NOT_FOUND' })
      await expectServing()
    })

    test('is refused with bytes that are no message, and at paths that are not there', async () => {
      for (const endpoint of [world.endpoint, world.zoneEndpoint('local-1')]) {
        for (const path of [
          '/x/Y',
          '/ashlar.v1.VolumeService/Frob',
          '/',
          '/ashlar.v2.VolumeService/GetVolume',
        ]) {
          expect(await raw(endpoint, path, Buffer.alloc(0)), path).toBe('UNIMPLEMENTED')
        }
      }
      // A length past the end, an endless group, a wrong wire type, and noise.
      const messages = [
        '0aff01',
        '0b0b0b0b',
        '08ffffffffffffffffffff01',
        randomBytes(500).toString('hex'),
      ]
      for (const hex of messages) {
        const answer = await raw(
          world.endpoint,
          `${volumeService}/GetVolume`,
          Buffer.from(hex, 'hex'),
        )
        expect(['INTERNAL', 'INVALID_ARGUMENT']).toContain(answer)
      }
      await expectServing()
    })

    const noise: readonly (readonly [what: string, bytes: Buffer])[] = [
      ['nothing', Buffer.alloc(0)],
      ['noise', randomBytes(100_000)],
      ['zeros', Buffer.alloc(100_000)],
      ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
      ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
      ['a preface and noise', Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'x'.repeat(5000)}`)],
      [
        'a preface and a frame of 16 MiB',
        Buffer.concat([
          Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
          Buffer.from('000000040000000000ffffff000000000001', 'hex'),
        ]),
      ],
      ['an NBD greeting', Buffer.from('NBDMAGICIHAVEOPT\0\0\0\0')],
    ]
    test.each(noise)('is cut off with %s on any socket', async (_what, bytes) => {
      const sockets = ['region.sock', 'local-1.sock', 'local-1.nbd']
      const open = sockets.flatMap((name) =>
        [false, true].map((ends) => {
          const socket = connectSocket(join(world.folder, name))
          socket.on('error', () => undefined)
          socket.write(bytes)
          if (ends) socket.end()
          return socket
        }),
      )
      // Also while they are open.
      await expectServing()
      for (const socket of open) socket.destroy()
      await expectServing()
    })

    test('is cut off when it breaks off in the middle of a call', async () => {
      const path = `${volumeService}/ListVolumes`
      const headers = {
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      }
      const socket = world.endpoint.replace('unix:', '')
      for (let at = 0; at < 20; at++) {
        const session = connectHttp2('http://localhost', {
          createConnection: () => connectSocket(socket),
        })
        session.on('error', () => undefined)
        const stream = session.request(headers)
        stream.on('error', () => undefined)
        // The head of a message that says 16 MiB, and some of it.
        stream.write(Buffer.concat([Buffer.from('0001000000', 'hex'), Buffer.alloc(at * 1000)]))
        await new Promise((done) => session.once('connect', done))
        if (at % 3 === 0) stream.close(0x8)
        else if (at % 3 === 1) session.destroy()
        else stream.end()
        await expect(client.topology.listZones({})).resolves.toBeDefined()
        session.destroy()
      }
      await expectServing()
    })

    test('and gives up at any moment leaves one volume or none, never two', async () => {
      const random = new Random(seedOf('bad-input'))
      const requests = Array.from({ length: 40 }, (_, at) => ({
        name: `v-${at}`,
        zone: 'local-1',
        capacityBytes: String(MiB),
        requestId: newRequestId(),
      }))
      const given = requests.map(async (request) => {
        const gone = new AbortController()
        setTimeout(() => gone.abort(new Error('gone')), random.below(40))
        return await client.volumes.createVolume(request, { signal: gone.signal })
      })
      await Promise.allSettled(given)
      for (const request of requests) await client.volumes.createVolume(request)
      expect(await objects.volumes()).toHaveLength(41)
      for (const { name } of requests) await client.volumes.deleteVolume({ volume: name })
      await expectServing()
    })
  })

  test('a zone obeys its own region, and that with well-formed orders only', async () => {
    const zone = new ZoneApi(world.zoneEndpoint('local-1'))
    const { calls } = zone
    expect(await refusal(zone.records('other'))).toMatchObject({
      status: 'PERMISSION_DENIED',
      field: 'region',
    })
    const volumeId = unknownId
    const malformed = {
      'createVolume volume_id': calls.createVolume({ volumeId: 'x', bytes: String(MiB) }),
      'deleteVolume volume_id': calls.deleteVolume({ volumeId: '' }),
      'attach attachment_id': calls.createAttachment({ attachmentId: '../x', volumeId, host: 'h' }),
      'dropCut snapshot_id': calls.dropCut({ snapshotId: 'x'.repeat(100_000) }),
      'cut members': calls.createCut({ groupId: unknownId, members: [] }),
      'sealed root_hex': calls.sealedCut({ snapshotId: unknownId, rootHex: 'xyz' }),
      'detach grace_milliseconds': calls.deleteAttachment({
        attachmentId: unknownId,
        graceMilliseconds: -1,
      }),
    }
    const refusals = Object.entries(malformed).map(async ([what, call]) => {
      expect(await refusal(call), what).toMatchObject(invalid(what.split(' ')[1] ?? ''))
    })
    await Promise.all(refusals)
    const missing = calls.createAttachment({ attachmentId: unknownId, volumeId, host: 'h' })
    expect(await refusal(missing)).toMatchObject({
      status: 'NOT_FOUND',
      reason: 'VOLUME_NOT_FOUND',
    })
    zone.close()
    await expectServing()
  })
})

describe('a catalog', () => {
  /** A region's folder with a catalog that `spoil` has had. */
  async function spoiled(spoil: (file: string) => void): Promise<Ran> {
    const at = newFolder()
    const file = join(at, 'region', 'catalog.db')
    mkdirSync(dirname(file))
    spoil(file)
    return await refused(region, at)
  }
  function sql(file: string, text: string): void {
    const database = new Database(file)
    database.exec(text)
    database.close()
  }

  test('of somebody else, of another region, of a newer version, or cut off is refused', async () => {
    expectOneSentence(
      await spoiled((file) => writeFileSync(file, randomBytes(100_000))),
      1,
      'not a catalog',
    )
    expectOneSentence(await spoiled((file) => sql(file, 'CREATE TABLE t (x)')), 1, 'not a catalog')
    const at = newFolder()
    const world = await World.start({ zones: [], poolCapacity: '64MiB' })
    await world.signal('region', 'SIGTERM')
    const file = join(at, 'region', 'catalog.db')
    mkdirSync(dirname(file))
    copyFileSync(join(world.folder, 'region', 'catalog.db'), file)
    await world.remove()
    expectOneSentence(await refused(region.replace('= 1', '= 2'), at), 1, 'catalog of region local')
    sql(file, 'PRAGMA user_version = 99')
    expectOneSentence(await refused(region, at), 1, 'version 99')
    truncateSync(file, 5 * 4096)
    expectOneSentence(await refused(region, at), 1, file)
  })
})
