import { createServer } from 'node:net'
import { status } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { Client } from '../../../src/client/client.js'
import { endpointFromEnv, parseEndpoint } from '../../../src/client/endpoint.js'
import { listVolumes } from '../../../src/client/pages.js'
import { waitForSnapshot } from '../../../src/client/wait.js'
import { type FakeMethods, RawStatus, startFakeRegion } from '../fake-region.js'

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

async function serve(methods: FakeMethods) {
  const region = await startFakeRegion(methods)
  const client = new Client(region.endpoint)
  opened.push(
    () => client.close(),
    () => region.stop(),
  )
  return { client, region }
}

describe('a call', () => {
  test('answers with defaults for what is absent', async () => {
    const { client, region } = await serve({ GetVolume: () => ({ id: 'x', capacityBytes: '7' }) })
    const volume = await client.volumes.getVolume({ volume: 'db' })
    expect(volume).toMatchObject({
      id: 'x',
      capacityBytes: '7',
      name: '',
      userTags: [],
      createdAt: null,
    })
    expect(volume.status).toBe('VOLUME_STATUS_UNSPECIFIED')
    expect(region.calls).toEqual([{ method: 'GetVolume', request: { volume: 'db' } }])
  })

  test('fails with the code, field and wait of the peer', async () => {
    const error = new AshlarError('CAPACITY_SHRINK', 'volume db has 2 GiB', {
      field: 'capacity_bytes',
      retryDelayMs: 250,
      metadata: { capacity: '2147483648' },
    })
    const { client } = await serve({
      UpdateVolume: () => {
        throw error
      },
    })
    await expect(client.volumes.updateVolume({ volume: 'db' })).rejects.toMatchObject({
      code: 'CAPACITY_SHRINK',
      message: 'volume db has 2 GiB',
      field: 'capacity_bytes',
      retryDelayMs: 250,
      metadata: { capacity: '2147483648' },
    })
  })

  test('names the peer when nobody explained', async () => {
    const { client, region } = await serve({
      GetVolume: () => {
        throw new RawStatus(status.DATA_LOSS, 'a proxy says no')
      },
    })
    await expect(client.volumes.getVolume({ volume: 'db' })).rejects.toMatchObject({
      code: 'CORRUPT',
      message: `${region.endpoint}: a proxy says no`,
    })
  })

  test('to nobody is REMOTE_UNAVAILABLE, and says where', async () => {
    const port = await unusedPort()
    const client = new Client(`127.0.0.1:${port}`)
    opened.push(() => client.close())
    await expect(client.volumes.getVolume({ volume: 'db' })).rejects.toMatchObject({
      code: 'REMOTE_UNAVAILABLE',
      message: expect.stringMatching(
        `127.0.0.1:${port}: cannot be reached \\(connect ECONNREFUSED 127.0.0.1:${port}\\)$`,
      ),
    })
  })

  test('has a deadline', async () => {
    const { client } = await serve({ GetVolume: () => new Promise(() => undefined) })
    await expect(
      client.volumes.getVolume({ volume: 'db' }, { deadlineMs: 50 }),
    ).rejects.toMatchObject({
      code: 'DEADLINE',
    })
  })

  test('fails with the reason of the signal', async () => {
    const { client, region } = await serve({ GetVolume: () => new Promise(() => undefined) })
    const abort = new AbortController()
    const reason = new Error('enough')
    const call = client.volumes.getVolume({ volume: 'db' }, { signal: abort.signal })
    while (region.calls.length === 0) await new Promise((done) => setImmediate(done))
    abort.abort(reason)
    await expect(call).rejects.toBe(reason)
    await expect(client.volumes.getVolume({ volume: 'db' }, { signal: abort.signal })).rejects.toBe(
      reason,
    )
    expect(region.calls).toHaveLength(1)
  })

  test('after close fails', async () => {
    const { client } = await serve({ GetVolume: () => ({}) })
    client.close()
    client.close()
    await expect(client.volumes.getVolume({ volume: 'db' })).rejects.toBeInstanceOf(Error)
  })
})

test('a list asks for every page with the same filter', async () => {
  const pages = ['', 'p1', 'p2']
  const { client, region } = await serve({
    ListVolumes: ({ pageToken }: { pageToken: string }) => {
      const at = pages.indexOf(pageToken)
      // The second page is empty, which is no end.
      return { volumes: at === 1 ? [] : [{ id: `v${at}` }], nextPageToken: pages[at + 1] ?? '' }
    },
  })
  const volumes = await listVolumes(client, { zone: 'local-1' })
  expect(volumes.map(({ id }) => id)).toEqual(['v0', 'v2'])
  expect(region.calls.map(({ request }) => request)).toMatchObject(
    pages.map((pageToken) => ({ pageToken, zone: 'local-1' })),
  )
})

describe('waiting for a snapshot', () => {
  const clock = () => {
    let ms = 0
    return {
      nowNs: () => 0n,
      monotonicMs: () => ms,
      sleep: async (delayMs: number, signal?: AbortSignal) => {
        signal?.throwIfAborted()
        ms += delayMs
      },
    }
  }
  const away = () => {
    throw new AshlarError('SHUTTING_DOWN', 'stopping')
  }
  const answers = (...list: readonly (() => unknown)[]): FakeMethods => {
    let at = 0
    return { GetSnapshot: () => (list[Math.min(at++, list.length - 1)] ?? away)() }
  }
  const pending = (percent: number) => () => ({
    lifecycleState: 'LIFECYCLE_STATE_PENDING',
    progress: { percent },
  })
  const stable = () => ({ lifecycleState: 'LIFECYCLE_STATE_STABLE', progress: { percent: 100 } })

  test('ends when it is stable, through a restart of the region', async () => {
    const { client } = await serve(answers(pending(0), away, away, pending(50), stable))
    const seen: number[] = []
    const snapshot = await waitForSnapshot(client, 's', {
      clock: clock(),
      onProgress: ({ progress }) => seen.push(progress?.percent ?? -1),
    })
    expect(snapshot.lifecycleState).toBe('LIFECYCLE_STATE_STABLE')
    expect(seen).toEqual([0, 50, 100])
  })

  test('fails with the reasons of a failed one', async () => {
    const failed = () => ({
      name: 's',
      lifecycleState: 'LIFECYCLE_STATE_FAILED',
      lifecycleReasons: [{ code: 'corrupt', message: 'block 7 of volume db' }],
    })
    const { client } = await serve(answers(pending(1), failed))
    await expect(waitForSnapshot(client, 's', { clock: clock() })).rejects.toMatchObject({
      code: 'SNAPSHOT_FAILED',
      message: 'snapshot s has failed: block 7 of volume db',
    })
  })

  test('fails when the region stays away', async () => {
    const { client } = await serve(answers(pending(0), away))
    const options = { clock: clock(), patienceMs: 5_000 }
    await expect(waitForSnapshot(client, 's', options)).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    })
  })

  test('fails when it is deleted', async () => {
    const gone = () => {
      throw new AshlarError('SNAPSHOT_NOT_FOUND', 'gone')
    }
    const { client } = await serve(answers(pending(0), gone))
    await expect(waitForSnapshot(client, 's', { clock: clock() })).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
    })
  })
})

describe('endpoints', () => {
  test.each(['127.0.0.1:7440', 'localhost:1', '[::1]:65535', 'unix:/run/a.sock', 'unix:///run/a'])(
    'take %s',
    (text) => {
      expect(parseEndpoint(text)).toBe(text)
    },
  )

  test.each([
    '',
    '127.0.0.1',
    ':7440',
    'http://localhost:7440',
    'a:0',
    'a:65536',
    'unix:a',
    'a b:1',
  ])('refuse %j', (text) => {
    expect(() => new Client(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'endpoint' }),
    )
  })

  test('come from the environment', () => {
    expect(endpointFromEnv({})).toBe('127.0.0.1:7440')
    expect(endpointFromEnv({ ASHLAR_ENDPOINT: '' })).toBe('127.0.0.1:7440')
    expect(endpointFromEnv({ ASHLAR_ENDPOINT: 'h:1' })).toBe('h:1')
  })
})

function unusedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
