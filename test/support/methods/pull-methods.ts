// Uses and refusals of the pull, which is a stream: of what a region has pinned for the caller, and of a
// node's cuts. What comes goes into stores of the test's own, as at any receiver.

import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import { Client, credentials } from '@grpc/grpc-js'
import { expect } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { makeId } from '../../../src/base/ids.js'
import { codeOfReason } from '../../../src/base/rpc-error.js'
import { plainCredentials } from '../../../src/client/site-credentials.js'
import type { PullOpen, PullOpened } from '../../../src/engine/puller.js'
import type { PullRequest } from '../../../src/gen/ashlar/replication/v1/PullRequest.js'
import type { PullResponse__Output as PullResponse } from '../../../src/gen/ashlar/replication/v1/PullResponse.js'
import { replicationService } from '../../../src/gen/proto.js'
import { type ChannelHandle, type StoreHandle, native } from '../../../src/native/binding.js'
import { PullClient } from '../../../src/replication/pull-client.js'
import { pullChannelOptions } from '../../../src/replication/pull-method.js'
import { unknownId } from '../api.js'
import { must } from '../tools.js'
import type { World } from '../world.js'
import { opened } from './copy-methods.js'
import type { Refusals } from './refusals.js'
import type { Regions } from './regions.js'
import type { Trial, Use } from './trial.js'
import { type ZoneGround, newCut, newVolume } from './zone-methods.js'

const site = 'local'

const stores: StoreHandle[] = []

async function newStore({ folder }: World): Promise<StoreHandle> {
  const path = join(folder, `pulled-${stores.length}`)
  const store = await native().openStore(path, { catalogUuid: randomUUID() })
  stores.push(store)
  return store
}

/** Of all uses so far. */
export async function closeStores(): Promise<void> {
  for (const store of stores.splice(0)) await native().closeStore(store)
}

/** Into the channel that `receive` makes. Answers the root of what is durable then. */
async function pull(
  address: string,
  open: PullOpen,
  receive: (opened: PullOpened) => Promise<ChannelHandle>,
): Promise<string> {
  const from = { native: native(), address, peer: address, credentials: plainCredentials }
  const client = new PullClient(from)
  let channel: ChannelHandle | undefined
  const receiveHere = async (opened: PullOpened) => (channel = await receive(opened))
  try {
    const outcome = await client.pull(receiveHere, open, AbortSignal.timeout(60_000))
    if (outcome.kind === 'refused') throw outcome.error
    if (channel === undefined) throw new Error('a pull that was never opened')
    return (await native().finishIngest(channel)).rootHex
  } finally {
    if (channel !== undefined) native().closeChannel(channel)
    client.close()
  }
}

/** Always into one store, as a receiver that has to begin again does. */
function pulling(call: () => Promise<string>, rootHex: string): Trial {
  let last = ''
  return {
    call: async () => (last = await call()),
    check: async () => expect(last).toBe(rootHex),
    leaves: {},
  }
}

async function pullingFromRegion(at: Regions): Promise<Trial> {
  const { pinId, manifest } = await opened(at)
  const store = await newStore(at.remote)
  const open = { snapshotId: at.source.id, site, pinId }
  const receive = async () => await native().openTreeIngest(store, { manifest })
  return pulling(async () => await pull(at.remote.siteEndpoint, open, receive), at.source.root)
}

async function pullingFromNode(at: ZoneGround): Promise<Trial> {
  const { snapshotId } = await writtenCut(at, 0x11)
  const { rootHex } = await at.zone.calls.auditCut({ snapshotId })
  const store = await newStore(at.world)
  const receive = async ({ volumeBytes }: PullOpened) =>
    await native().openIngest(store, { volumeBytes, listIsDelta: false })
  const open = { snapshotId, site }
  return pulling(async () => await pull(addressOf(at), open, receive), rootHex)
}

export const regionPullUses: readonly Use<Regions>[] = [
  { name: 'Pull from a region', begin: pullingFromRegion },
]
export const nodePullUses: readonly Use<ZoneGround>[] = [
  { name: 'Pull from a node', begin: pullingFromNode },
]

const addressOf = ({ world }: ZoneGround) => world.zoneEndpoint('z-1')

/** The cut of a volume whose second MiB is full of this byte. */
async function writtenCut(at: ZoneGround, byte: number): Promise<{ readonly snapshotId: string }> {
  const volumeId = await newVolume(at)
  const attachmentId = makeId(1)
  await at.zone.calls.createAttachment({ attachmentId, volumeId, host: 'h' })
  const uri = `nbd+unix:///${attachmentId}?socket=${at.world.folder}/z-1.nbd`
  await must('qemu-io', ['-f', 'raw', '-c', `write -P ${byte} 1M 1M`, '-c', 'flush', uri])
  return await newCut(at, volumeId)
}

/** A stream that says whatever the test likes, by the encoder that callers elsewhere have. */
class Stream {
  readonly #call
  readonly #answers

  constructor(connection: Client) {
    const { path, requestSerialize, responseDeserialize } = replicationService.Pull
    this.#call = connection.makeBidiStreamRequest<PullRequest, PullResponse>(
      path,
      requestSerialize,
      responseDeserialize,
    )
    this.#call.on('error', () => undefined)
    this.#answers = this.#call[Symbol.asyncIterator]() as AsyncIterator<PullResponse, undefined>
  }

  say(message: PullRequest): this {
    this.#call.write(message)
    return this
  }

  async answer(): Promise<PullResponse> {
    const { done, value } = await this.#answers.next()
    if (done === true) throw new Error('the source has ended the stream')
    return value
  }

  /** Takes what comes until the source refuses, and throws what it says. */
  async untilRefused(): Promise<never> {
    for (;;) {
      const { failed } = await this.answer()
      if (failed === null) continue
      const code = codeOfReason(failed.code)
      if (code === undefined) throw new Error(`refused with an unknown ${failed.code}`)
      const { done } = await this.#answers.next()
      expect(done).toBe(true)
      throw new AshlarError(code, failed.text)
    }
  }

  cancel(): void {
    this.#call.cancel()
  }
}

/** What the source refuses; fails when it does not. */
async function refused(
  address: string,
  talk: (begin: () => Stream) => Promise<unknown>,
): Promise<unknown> {
  // Its own, as any receiver's: a server drops a connection on which many streams are cancelled.
  const connection = new Client(address, credentials.createInsecure(), pullChannelOptions)
  const streams: Stream[] = []
  const begin = () => {
    const stream = new Stream(connection)
    streams.push(stream)
    return stream
  }
  try {
    return await talk(begin)
  } finally {
    for (const stream of streams) stream.cancel()
    connection.close()
  }
}

const refusedOpen = async (address: string, open: NonNullable<PullRequest['open']>) =>
  await refused(address, async (begin) => await begin().say({ open }).untilRefused())

/** Changes a byte of this block, wherever it stands first. */
function spoil(path: string, block: Buffer): void {
  const at = readFileSync(path).indexOf(block)
  expect(at).toBeGreaterThan(0)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.of(0), 0, 1, at)
  closeSync(file)
}

export const regionPullRefusals: Refusals = {
  Pull: {
    permission_denied: async (at) => {
      const { pinId } = await opened(at)
      const open = { snapshotId: at.source.id, site: 'nobody', pinId }
      return await refusedOpen(at.remote.siteEndpoint, open)
    },
    protocol_error: async ({ remote }) =>
      await refused(remote.siteEndpoint, async (begin) => {
        return await begin()
          .say({ frames: Buffer.of(0) })
          .untilRefused()
      }),
    over_quota: async ({ remote }) =>
      await refused(remote.siteEndpoint, async (begin) => {
        const streams = Array.from({ length: 1025 }, begin)
        // Any of them, where somebody else pulls too.
        return await Promise.race(streams.map(async (stream) => await stream.untilRefused()))
      }),
    shutting_down: async (at) =>
      await refused(at.remote.siteEndpoint, async (begin) => {
        const { pinId } = await opened(at)
        const stream = begin().say({ open: { snapshotId: at.source.id, site, pinId } })
        expect((await stream.answer()).opened).not.toBeNull()
        const stopped = at.remote.signal('region', 'SIGTERM')
        try {
          return await stream.untilRefused()
        } finally {
          await stopped
          await at.remote.start('region')
        }
      }),
  },
}

export const nodePullRefusals: Refusals<ZoneGround> = {
  Pull: {
    permission_denied: async (at) => {
      const { snapshotId } = await newCut(at)
      return await refusedOpen(addressOf(at), { snapshotId, site: 'nobody' })
    },
    invalid_argument: async (at) => await refusedOpen(addressOf(at), { snapshotId: 'x', site }),
    snapshot_not_found: async (at) =>
      await refusedOpen(addressOf(at), { snapshotId: unknownId, site }),
    corrupt: async (at) => {
      const { snapshotId } = await writtenCut(at, 0xc3)
      spoil(join(at.world.folder, 'z-1', 'pool'), Buffer.alloc(4096, 0xc3))
      return await refusedOpen(addressOf(at), { snapshotId, site })
    },
  },
}
