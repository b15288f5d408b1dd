// What a load balancer or an orchestrator asks, with the public definition of the protocol.

import { Server, ServerCredentials, credentials, makeClientConstructor } from '@grpc/grpc-js'
import { service as published } from 'grpc-health-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { Health } from '../../../src/service/health.js'

type Answer = { readonly status?: string; readonly statuses?: Record<string, Answer> }
type Unary = (
  request: object,
  done: (error: { code: number } | null, answer?: Answer) => void,
) => void
interface Stream extends AsyncIterable<Answer> {
  cancel(): void
}
type Asker = { check: Unary; list: Unary; watch: (request: object) => Stream }

const server = new Server()
const health = new Health(['', 'a.B'])
const Client = makeClientConstructor(published, 'Health')
let port = 0
let client: InstanceType<typeof Client>
let asker: Asker

beforeAll(async () => {
  health.addTo(server)
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
})
afterAll(() => server.forceShutdown())
beforeEach(() => {
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
  asker = client as unknown as Asker
  for (const name of ['', 'a.B']) health.set(name, 'NOT_SERVING')
})
afterEach(() => client.close())

const ask = async (call: 'check' | 'list', request: object): Promise<Answer | undefined> =>
  await new Promise((resolve, reject) => {
    asker[call](request, (error, answer) => (error === null ? resolve(answer) : reject(error)))
  })

describe('health', () => {
  test('checks the whole and a service', async () => {
    health.set('a.B', 'SERVING')
    expect(await ask('check', { service: 'a.B' })).toEqual({ status: 'SERVING' })
    expect(await ask('check', {})).toEqual({ status: 'NOT_SERVING' })
    await expect(ask('check', { service: 'a.C' })).rejects.toMatchObject({ code: 5 })
  })

  test('lists', async () => {
    health.set('', 'SERVING')
    expect(await ask('list', {})).toEqual({
      statuses: { '': { status: 'SERVING' }, 'a.B': { status: 'NOT_SERVING' } },
    })
  })

  test('tells every watcher of each change, until it goes', async () => {
    const streams = [1, 2].map(() => asker.watch({ service: 'a.B' }))
    const readers = streams.map((stream) => stream[Symbol.asyncIterator]())
    const next = async () =>
      await Promise.all(readers.map(async (reader) => (await reader.next()).value?.status))
    expect(await next()).toEqual(['NOT_SERVING', 'NOT_SERVING'])
    health.set('a.B', 'SERVING')
    expect(await next()).toEqual(['SERVING', 'SERVING'])
    streams[0]?.cancel()
    await expect(readers[0]?.next()).rejects.toMatchObject({ code: 1 })
    readers.shift()
    health.set('a.B', 'NOT_SERVING')
    expect(await next()).toEqual(['NOT_SERVING'])
    streams[1]?.cancel()
    await expect(readers[0]?.next()).rejects.toMatchObject({ code: 1 })
  })

  test('watches what is not known yet', async () => {
    const stream = asker.watch({ service: 'a.D' })
    const reader = stream[Symbol.asyncIterator]()
    expect((await reader.next()).value).toEqual({ status: 'SERVICE_UNKNOWN' })
    health.set('a.D', 'SERVING')
    expect((await reader.next()).value).toEqual({ status: 'SERVING' })
    stream.cancel()
    await expect(reader.next()).rejects.toMatchObject({ code: 1 })
  })
})
