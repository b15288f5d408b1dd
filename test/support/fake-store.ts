// A store without an addon, for tests of the region's engine and of pulls: channels are queues, and
// a snapshot's content is whatever bytes its source gives.

import { createHash } from 'node:crypto'

import { AshlarError } from '../../src/base/error.js'
import type {
  Binding,
  ChannelHandle,
  IngestResult,
  PoolHandle,
  StoreHandle,
} from '../../src/native/binding.js'

export interface StoreRecord {
  readonly generation: bigint
  readonly kind: 'commit' | 'delete'
  readonly row: Buffer
}

/** One end: the test decides what it gives and takes. */
export interface Script {
  /** Called with every frame that arrives. */
  readonly onGive?: (frames: Buffer) => Promise<void> | void
  /** Called when the peer's frames are wanted; null ends. */
  readonly onTake: (signal: AbortSignal) => Promise<Buffer | null>
}

interface Channel {
  readonly script: Script
  readonly closed: AbortController
}

export class FakeStore {
  readonly records: StoreRecord[] = []
  readonly closed: Channel[] = []
  /** What opening an ingest channel answers. */
  ingest: () => Script = () => ({ onTake: async () => null })
  finish: () => Promise<IngestResult> = async () => resultOf(Buffer.from('content'))
  beforeRecord: (record: StoreRecord) => Promise<void> | void = () => undefined
  readonly #channels = new Map<ChannelHandle, Channel>()

  /** Only what the engine calls; everything else is a mistake of the test. */
  get binding(): Binding {
    const known: Partial<Binding> = {
      openStore: async () => ({}) as StoreHandle,
      closeStore: async () => undefined,
      storeRecord: async (_handle, record) => {
        await this.beforeRecord(record)
        this.records.push(record)
      },
      openIngest: async () => this.open(this.ingest()),
      finishIngest: async () => await this.finish(),
      openSnapshotSource: async () => this.open({ onTake: async () => null }),
      give: async (handle, frames) => {
        const { script, closed } = this.#channel(handle)
        closed.signal.throwIfAborted()
        await script.onGive?.(frames)
      },
      take: async (handle) => {
        const { script, closed } = this.#channel(handle)
        closed.signal.throwIfAborted()
        return await Promise.race([
          script.onTake(closed.signal),
          new Promise<never>((_, reject) =>
            closed.signal.addEventListener('abort', () => reject(closed.signal.reason)),
          ),
        ])
      },
      channelProgress: () => ({ doneBytes: 0n, totalBytes: 0n }),
      closeChannel: (handle) => {
        const channel = this.#channel(handle)
        if (!channel.closed.signal.aborted) this.closed.push(channel)
        channel.closed.abort(new AshlarError('CANCELLED', 'the channel is closed'))
      },
    }
    return known as Binding
  }

  open(script: Script): ChannelHandle {
    const handle = {} as ChannelHandle
    this.#channels.set(handle, { script, closed: new AbortController() })
    return handle
  }

  #channel(handle: ChannelHandle): Channel {
    const channel = this.#channels.get(handle)
    if (channel === undefined) throw new Error('not a channel of this store')
    return channel
  }
}

export const noPool = {} as PoolHandle

export function resultOf(content: Buffer): IngestResult {
  const rootHex = createHash('sha256').update(content).digest('hex')
  const manifest = Buffer.alloc(80)
  manifest.write('ASHLMAN1', 'latin1')
  manifest.writeBigUInt64LE(BigInt(content.length), 24)
  return {
    rootHex,
    manifest,
    addedBytes: BigInt(content.length),
    receivedBytes: BigInt(content.length),
    logicalBytes: 65536n,
    chunks: 1n,
  }
}
