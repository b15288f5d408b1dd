// A store without an addon, for tests of the region's engine and of pulls: channels are queues, and
// content is a buffer whose presence follows the rules of collection: what is condemned is missed
// by look-ups, and goes at the end unless a root reaches it or it came anew.

import { createHash } from 'node:crypto'

import { AshlarError } from '../../src/base/error.js'
import type {
  Binding,
  ChannelHandle,
  CollectEnded,
  IngestOptions,
  IngestResult,
  PoolHandle,
  StoreHandle,
  StoreRecord,
  StoreRecords,
} from '../../src/native/binding.js'

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
  /** Of an ingest: what it pulls, and whether a look-up found it. */
  readonly content?: Buffer
  readonly found?: boolean
  readonly delta?: boolean
  /** Of a tree ingest: the manifest it pulls. */
  readonly tree?: Buffer
}

export type TreeIngest = Parameters<Binding['openTreeIngest']>[1]

export class FakeStore {
  readonly records: StoreRecord[] = []
  readonly closed: Channel[] = []
  /** Options of every ingest, in order. */
  readonly ingests: IngestOptions[] = []
  readonly treeIngests: TreeIngest[] = []
  readonly sources: Parameters<Binding['openSnapshotSource']>[1][] = []
  /** Generations of records that cannot be read. */
  readonly damagedRecords = new Set<bigint>()
  /** Content that is here, as hex of its manifest. */
  readonly held = new Set<string>()
  /** Content that is damaged here, as hex of its manifest. */
  readonly damaged = new Set<string>()
  /** What was found of it since it was last asked. */
  readonly damageFound: string[] = []
  /** Calls of a collection, in order, with the roots they were given. */
  readonly collecting: { readonly call: string; readonly roots: readonly string[] }[] = []
  /** What opening an ingest channel answers. */
  ingest: () => Script = () => ({ onTake: async () => null })
  /** What the next ingest pulls. */
  content: () => Buffer = () => Buffer.from('content')
  beforeIngest: (options: IngestOptions) => Promise<void> | void = () => undefined
  beforeFinish: () => Promise<void> | void = () => undefined
  beforeRecord: (record: StoreRecord) => Promise<void> | void = () => undefined
  beforeCollect: (call: 'begin' | 'end') => Promise<void> | void = () => undefined
  progress = { doneBytes: 0n, totalBytes: 0n }
  /** Highest generation of records that no catalog of the test wrote. */
  strangeGeneration = 0n
  readonly #channels = new Map<ChannelHandle, Channel>()
  #condemned: Set<string> | undefined

  /** Only what the engine calls; everything else is a mistake of the test. */
  get binding(): Binding {
    const known: Partial<Binding> = {
      openStore: async () => ({}) as StoreHandle,
      closeStore: async () => undefined,
      storeStats: async () => ({
        packs: BigInt(this.held.size),
        packBytes: BigInt(this.held.size) << 20n,
        chunks: BigInt(this.held.size),
        nodes: 0n,
        indexBytes: 0n,
        indexMemoryBytes: 0n,
        quarantined: 0n,
        highestGeneration: this.highestGeneration,
      }),
      manifestRoot: (manifest) => {
        if (manifest.length !== 80) throw new AshlarError('INVALID_ARGUMENT', 'no manifest')
        return manifest.subarray(48).toString('hex')
      },
      storeRecord: async (_handle, record) => {
        await this.beforeRecord(record)
        this.records.push(record)
      },
      storeRecords: async () => this.recordsRead,
      storeDamagedRecords: async () => this.recordsRead.damaged,
      openIngest: async (_handle, options) => {
        this.ingests.push(options)
        await this.beforeIngest(options)
        const content = this.content()
        const found = this.#isPresent(keyOf(content))
        return this.open(this.ingest(), { content, found, delta: options.listIsDelta })
      },
      openTreeIngest: async (_handle, options) => {
        this.treeIngests.push(options)
        const { manifest } = options
        const found = this.#isPresent(hexOf(manifest))
        return this.open(this.ingest(), { tree: manifest, found })
      },
      storeDamage: async () => this.damageFound.splice(0),
      storeQuarantine: async () => [...this.damaged],
      openRepair: async (_handle, { manifest }) => {
        const want = this.damaged.has(hexOf(manifest))
        const onTake = async () => (want ? Buffer.from('want') : null)
        return this.open({ onTake }, { tree: manifest })
      },
      finishIngest: async (handle) => {
        await this.beforeFinish()
        return this.#finish(this.#channel(handle))
      },
      collectBegin: async (_handle, { roots }) => {
        await this.#collect('begin', roots)
        const kept = new Set(roots.map(hexOf))
        this.#condemned = new Set([...this.held].filter((key) => !kept.has(key)))
        return { condemnedChunks: BigInt(this.#condemned.size), condemnedBytes: 0n }
      },
      collectEnd: async (_handle, { roots, supersededGenerations = [] }) => {
        await this.#collect('end', roots)
        this.#dropRecords(new Set(supersededGenerations))
        return this.#drop(new Set(roots.map(hexOf)))
      },
      collectAbort: async () => {
        this.#condemned = undefined
      },
      openSnapshotSource: async (_handle, options) => {
        this.sources.push(options)
        return this.open({ onTake: async () => null })
      },
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
      channelProgress: () => this.progress,
      closeChannel: (handle) => {
        const channel = this.#channel(handle)
        if (!channel.closed.signal.aborted) this.closed.push(channel)
        channel.closed.abort(new AshlarError('CANCELLED', 'the channel is closed'))
      },
    }
    return known as Binding
  }

  /** By generation, as a store answers. */
  get recordsRead(): StoreRecords {
    const isDamaged = ({ generation }: StoreRecord) => this.damagedRecords.has(generation)
    const order = (a: StoreRecord, b: StoreRecord) => Number(a.generation - b.generation)
    return {
      records: this.records.filter((record) => !isDamaged(record)).sort(order),
      damaged: this.records.filter(isDamaged).map(({ generation }) => {
        return { generation, message: `n-${generation}.pack: the frame is damaged` }
      }),
    }
  }

  get highestGeneration(): bigint {
    return this.records.reduce(
      (highest, { generation }) => (generation > highest ? generation : highest),
      this.strangeGeneration,
    )
  }

  open(
    script: Script,
    more: Pick<Channel, 'content' | 'found' | 'delta' | 'tree'> = {},
  ): ChannelHandle {
    const handle = {} as ChannelHandle
    this.#channels.set(handle, { script, closed: new AbortController(), ...more })
    return handle
  }

  /** What a restart of the process does. */
  restart(): void {
    this.#condemned = undefined
  }

  #isPresent(key: string): boolean {
    if (this.damaged.has(key)) return false
    return this.held.has(key) && this.#condemned?.has(key) !== true
  }

  #finish({ content = Buffer.alloc(0), found = false, delta, tree }: Channel): IngestResult {
    const key = tree === undefined ? keyOf(content) : hexOf(tree)
    if (!found) {
      this.damaged.delete(key)
      this.held.add(key)
      this.#condemned?.delete(key)
    }
    if (tree !== undefined) {
      const rootHex = tree.subarray(48).toString('hex')
      const bytes = { addedBytes: found ? 0n : 1n, receivedBytes: 1n, logicalBytes: 1n }
      return { rootHex, manifest: tree, chunks: 1n, ...bytes }
    }
    // Every change replaces what is there by as much.
    const result = { ...resultOf(content), ...(delta === true ? { logicalBytes: 0n } : {}) }
    return found ? { ...result, addedBytes: 0n, receivedBytes: 0n } : result
  }

  async #collect(call: 'begin' | 'end', roots: readonly Buffer[]): Promise<void> {
    this.collecting.push({ call, roots: roots.map(hexOf) })
    await this.beforeCollect(call)
  }

  #dropRecords(superseded: ReadonlySet<bigint>): void {
    for (const generation of this.damagedRecords) {
      if (!superseded.has(generation)) {
        throw new AshlarError('CORRUPT', `the record of generation ${generation} is damaged`)
      }
      const at = this.records.findIndex((record) => record.generation === generation)
      this.records.splice(at, 1)
      this.damagedRecords.delete(generation)
    }
  }

  #drop(kept: ReadonlySet<string>): CollectEnded {
    if (this.#condemned === undefined) throw new AshlarError('CANCELLED', 'aborted')
    const dropped = [...this.#condemned].filter((key) => !kept.has(key))
    for (const key of dropped) this.held.delete(key)
    this.#condemned = undefined
    const packs = BigInt(dropped.length)
    const counts = { packsDeleted: packs, packsRewritten: 0n, chunksDropped: packs }
    return { freedBytes: packs, ...counts, kept: [] }
  }

  #channel(handle: ChannelHandle): Channel {
    const channel = this.#channels.get(handle)
    if (channel === undefined) throw new Error('not a channel of this store')
    return channel
  }
}

export const noPool = {} as PoolHandle

const hexOf = (manifest: Buffer): string => manifest.toString('hex')

/** Of content that a snapshot's manifest stands for. */
export const keyOf = (content: Buffer): string => hexOf(resultOf(content).manifest)

export function resultOf(content: Buffer): IngestResult {
  const root = createHash('sha256').update(content)
  const hash = root.digest()
  const manifest = Buffer.alloc(80)
  manifest.write('ASHLMAN1', 'latin1')
  manifest.writeBigUInt64LE(64n << 20n, 24)
  hash.copy(manifest, 48)
  const bytes = BigInt(content.length)
  return {
    rootHex: hash.toString('hex'),
    manifest,
    addedBytes: bytes,
    chunks: 1n,
    logicalBytes: bytes,
    receivedBytes: bytes,
  }
}
