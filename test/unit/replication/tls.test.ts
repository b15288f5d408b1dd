// Sites that meet over TCP: what the world's tests, on Unix sockets, do not reach.

import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { makeLogger } from '../../../src/base/logger.js'
import { tlsCredentials } from '../../../src/client/site-credentials.js'
import type { PullOpen } from '../../../src/engine/puller.js'
import type { Binding } from '../../../src/native/binding.js'
import { PullClient } from '../../../src/replication/pull-client.js'
import { pullServiceDefinition } from '../../../src/replication/pull-method.js'
import { PullServer } from '../../../src/replication/pull-server.js'
import { SiteServer } from '../../../src/service/server.js'
import { identities } from '../../support/certificates.js'

const log = makeLogger({ name: 'test', level: 'fatal' })
/** Nothing here gets as far as a channel. */
const native = {} as Binding

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

async function freePort(): Promise<number> {
  return await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}

test('an address by number, where the name is checked and nothing is warned of', async () => {
  const warnings: string[] = []
  const warned = (warning: Error) => void warnings.push(warning.message)
  process.on('warning', warned)
  ends.push(() => void process.off('warning', warned))

  const known = await identities(['region', 'node'])
  const credentialsOf = (site: string) => {
    const identity = known.get(site)
    if (identity === undefined) throw new Error(`no ${site}`)
    return tlsCredentials(identity)
  }
  const asked: PullOpen[] = []
  const source = {
    open: async (open: PullOpen) => {
      asked.push(open)
      return await Promise.reject(new AshlarError('SNAPSHOT_NOT_FOUND', 'it is not here'))
    },
  }
  const pulls = new PullServer({ native, source, log })
  const service = { name: undefined, definition: pullServiceDefinition, handlers: pulls.handlers }
  const server = new SiteServer([service], log)
  const address = `127.0.0.1:${await freePort()}`
  await server.listen({ target: address, socketPath: undefined }, credentialsOf('region').server)
  ends.push(async () => await server.stop(100))

  const pull = async (peer: string, site: string) => {
    const client = new PullClient({ native, address, peer, credentials: credentialsOf('node') })
    ends.push(() => client.close())
    const receive = async () => await Promise.reject(new Error('it has opened'))
    const open = { snapshotId: 'r001-00000000-0000-4000-8000-000000000000', site }
    return await client.pull(receive, open, AbortSignal.timeout(5000))
  }
  expect(await pull('region', 'node')).toMatchObject({
    kind: 'refused',
    error: { code: 'SNAPSHOT_NOT_FOUND' },
  })
  expect(asked).toMatchObject([{ site: 'node' }])
  expect(await pull('region', 'region')).toMatchObject({
    kind: 'refused',
    error: { code: 'PERMISSION_DENIED' },
  })
  await expect(pull('elsewhere', 'node')).rejects.toMatchObject({
    code: 'REMOTE_UNAVAILABLE',
    message: `elsewhere at ${address}: cannot be reached (site elsewhere is expected there, but its certificate is of site region)`,
  })
  expect(asked).toHaveLength(1)
  expect(warnings).toEqual([])
})
