// The whole seam to the native addon, and the only importer of the .node file.
// Data blocks never pass through here; replication frames do, as opaque buffers of about 1 MiB.
// Every promise is settled from a native thread; errors arrive as AshlarError with a code of
// native/base/error_codes.def. Ids are text (`r001-<uuid>`), sizes and offsets are bigint.

import { createRequire } from 'node:module'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AshlarError, asAshlarError } from '../base/error.js'
import type { ErrorCode } from '../gen/errors.js'

declare const pool: unique symbol
declare const server: unique symbol
declare const store: unique symbol
declare const channel: unique symbol

/** An open pool: device, journal, map, volumes. Closed by `closePool` or with the process. */
export interface PoolHandle {
  readonly [pool]: true
}
/** A running NBD server over one pool's attachments. */
export interface NbdHandle {
  readonly [server]: true
}
/** An open chunk store of a region. */
export interface StoreHandle {
  readonly [store]: true
}
/** One end of a pull: JavaScript only carries its frames to and from the gRPC stream. */
export interface ChannelHandle {
  readonly [channel]: true
}

export interface PoolOptions {
  readonly path: string
  /** Used when the file is made, `growPool` later; default: the file system's free space. */
  readonly capacityBytes?: bigint
  readonly pageCacheBytes?: bigint
}

/**
 * A control order to a pool. Idempotent by the ids the caller made: repeated with equal arguments it
 * gets the first answer, with others INVALID_ARGUMENT (id_reused), on a tombstone FAILED_PRECONDITION.
 * The promise settles when the order is durable.
 */
export type PoolOrder =
  | {
      readonly kind: 'createVolume'
      readonly volumeId: string
      readonly bytes: bigint
      /** Created from this cut of the same pool, in O(1). */
      readonly cutSnapshotId?: string
      /** Or from a stable snapshot: it starts as one remote entry and hydrates through `openHydration`. */
      readonly origin?: {
        readonly snapshotId: string
        readonly manifest: Buffer
        readonly pinId: string
      }
    }
  | { readonly kind: 'growVolume'; readonly volumeId: string; readonly bytes: bigint }
  /** VOLUME_IN_USE while it has an attachment. Leaves a tombstone. Unknown ids get a tombstone too. */
  | { readonly kind: 'deleteVolume'; readonly volumeId: string }
  | {
      readonly kind: 'attach'
      readonly attachmentId: string
      readonly volumeId: string
      readonly host: string
      readonly readOnly: boolean
    }
  /** Refuses new connections, drains, then replaces the record by a tombstone. */
  | { readonly kind: 'detach'; readonly attachmentId: string; readonly graceMs: number }
  /** One instant for all members (issue: one member). Answers `CutAnswer`. */
  | {
      readonly kind: 'cut'
      readonly groupId: string
      readonly members: readonly { readonly volumeId: string; readonly snapshotId: string }[]
    }
  /** The snapshot is stable with this root: the cut is a cache from now on. */
  | { readonly kind: 'sealed'; readonly snapshotId: string; readonly rootHex: string }
  /** Drops a cut (hidden while lineages depend on it). Unknown ids get a tombstone, so a late cut is refused. */
  | { readonly kind: 'dropCut'; readonly snapshotId: string }
  /**
   * A fully local image of a snapshot: the cut that is here, kept; else built in a hidden volume from
   * the origin (only what differs from the base, where one is here), verified, and then cut under the
   * snapshot's id, so that volumes are made from it by `cutSnapshotId`.
   */
  | {
      readonly kind: 'createClone'
      readonly cloneId: string
      readonly snapshotId: string
      readonly origin: {
        readonly snapshotId: string
        readonly manifest: Buffer
        readonly pinId: string
      }
      readonly baseSnapshotId?: string
    }
  /** Unknown ids get a tombstone. */
  | { readonly kind: 'deleteClone'; readonly cloneId: string }
  /** The region acknowledged that the id is gone: its tombstone may go. */
  | { readonly kind: 'forgetTombstone'; readonly id: string }

export interface CutAnswer {
  readonly cuts: readonly {
    readonly snapshotId: string
    readonly volumeId: string
    readonly epoch: number
    readonly bytes: bigint
    /** Nanoseconds since 1970. */
    readonly capturedNs: bigint
  }[]
}

/** What has not changed since the call before is the same object again. */
export interface PoolRecords {
  readonly volumes: readonly {
    readonly volumeId: string
    readonly bytes: bigint
    readonly lineage: bigint
    /** Snapshot id of the origin while any remote entry is left in the head. */
    readonly originSnapshotId?: string
    /** The origin is fully local in the head; no pin is needed for it. */
    readonly hydrated: boolean
    readonly hydratedBytes: bigint
    readonly hydrationTotalBytes: bigint
  }[]
  readonly cuts: readonly {
    readonly snapshotId: string
    readonly volumeId?: string
    readonly lineage: bigint
    readonly epoch: number
    readonly bytes: bigint
    readonly capturedNs: bigint
    readonly hidden: boolean
    readonly sealed: boolean
    readonly rootHex?: string
  }[]
  /** Origins that some root (head or cut) still refers to; a pin may go when its origin is absent here. */
  readonly origins: readonly {
    readonly snapshotId: string
    readonly pinId: string
    readonly manifest: Buffer
  }[]
  readonly attachments: readonly {
    readonly attachmentId: string
    readonly volumeId: string
    readonly host: string
    readonly readOnly: boolean
    readonly detaching: boolean
    readonly connections: number
  }[]
  readonly tombstones: readonly {
    readonly id: string
    readonly kind: 'volume' | 'attachment' | 'cut' | 'clone'
  }[]
  readonly clones: readonly {
    readonly cloneId: string
    readonly snapshotId: string
    readonly available: boolean
    /** It is made from a base, by `openCloneFill`; else it hydrates as a volume does. */
    readonly filling: boolean
    /** It has everything, and `settle` makes it available. */
    readonly hydrated: boolean
    /** Snapshot id of its origin, until it is available. */
    readonly originSnapshotId?: string
    readonly doneBytes: bigint
    readonly totalBytes: bigint
  }[]
}

/** By attachment and cause. */
export interface FailedRequests {
  readonly attachmentId: string
  readonly code: ErrorCode
  /** Of the last one. */
  readonly message: string
  readonly count: number
}

export interface PoolStats {
  readonly capacityBytes: bigint
  readonly freeBytes: bigint
  readonly mappedBytes: bigint
  /** UUID. */
  readonly poolId: string
  /** The newest durable checkpoint when this pool was opened; recovery made another. */
  readonly openedGeneration: bigint
  readonly checkpointGeneration: bigint
  readonly journalUsedBytes: bigint
  readonly readOnly: boolean
  /** What the pool cannot do by itself since it was opened, a sentence each. */
  readonly problems: readonly string[]
  /** NBD connections that could not be served since the server was started, by cause: a sentence each. */
  readonly turnedAway: readonly { readonly what: string; readonly count: number }[]
  /** Requests of hosts that failed through no fault of theirs, since the NBD server was started. */
  readonly failures: readonly FailedRequests[]
}

/** How long something took. */
export interface Durations {
  /** How often it took less than the bound of the same place, and not less than the one before; the last: more. */
  readonly buckets: readonly number[]
  readonly sumNs: number
}

export type VolumeOperation = 'read' | 'write' | 'trim' | 'zero' | 'flush' | 'other'

/** What hosts asked of a volume since the pool was opened. */
export interface VolumeTraffic {
  readonly volumeId: string
  /** Requests that were received and are not answered. */
  readonly queueDepth: number
  readonly operations: readonly {
    readonly operation: VolumeOperation
    /** Of requests that did what was asked. */
    readonly bytes: number
    /** Requests that failed through no fault of the host. */
    readonly failed: number
    /** Of all requests, from the look at what was received until the answer is handed to the socket. */
    readonly durations: Durations
  }[]
}

/** Counted since the pool was opened, by the addon, at no cost to anybody until it is asked for. */
export interface PoolMeasures {
  /** Upper bounds of all durations, ascending. */
  readonly boundsNs: readonly number[]
  /** Those that a host has used. */
  readonly volumes: readonly VolumeTraffic[]
  /** Group commits: journal handed over, one sync of the file. */
  readonly commits: Durations
  readonly checkpoints: Durations
  readonly journalBytes: number
  readonly pageCacheHits: number
  readonly pageCacheMisses: number
  /** Dirty pages included. */
  readonly pageCacheBytes: number
  readonly dirtyPageBytes: number
  readonly connections: number
  /** Of large writes on their way in. */
  readonly payloadUsedBytes: number
  readonly payloadTotalBytes: number
}

/** Of the allocator under the addon and Node itself, in all of its arenas. */
export interface MemoryMeasures {
  /** Taken from the system in arenas. */
  readonly arenaBytes: number
  /** In mappings of their own. */
  readonly mappedBytes: number
  /** Of the arenas: in use, and kept though free. */
  readonly usedBytes: number
  readonly freeBytes: number
}

export interface NbdOptions {
  /** Path of the Unix socket; made with mode 0600, a stale one is replaced. */
  readonly unixPath?: string
  readonly tcp?: { readonly host: string; readonly port: number }
  readonly handshakeTimeoutMs?: number
}

export interface IngestOptions {
  /**
   * Root (hex) of a committed snapshot of this store, pinned meanwhile, whose tree is asked first. When
   * it cannot be read the pull fails with FAILED_PRECONDITION: pull again without it.
   */
  readonly baseRootHex?: string
  readonly volumeBytes: bigint
  /** With `baseRootHex`, the source lists only what differs from it. */
  readonly listIsDelta: boolean
}

export interface IngestResult {
  readonly rootHex: string
  /** The 80-byte manifest of DESIGN 6. */
  readonly manifest: Buffer
  /** Stored form of the chunks this snapshot refers to and that this pull added. */
  readonly addedBytes: bigint
  /** Frames received, with their headers. */
  readonly receivedBytes: bigint
  /**
   * 64 KiB for each chunk that is not zero: of the whole snapshot; after a list of differences, by how
   * much it is more than the base's (less when negative).
   */
  readonly logicalBytes: bigint
  readonly chunks: bigint
}

export interface ChannelProgress {
  readonly doneBytes: bigint
  /** 0 until known. */
  readonly totalBytes: bigint
}

export interface PoolBinding {
  /** The addon's error code names in order ("NOT_FOUND", …); a test compares them with src/gen/errors.ts. */
  errorCodes(): readonly string[]

  /**
   * A file that does not exist or is empty becomes a pool, whole or not at all. FOREIGN_FILE for
   * anything else that is none, which is left untouched; IN_USE when another process has it.
   */
  openPool(options: PoolOptions): Promise<PoolHandle>
  /** Checkpoints and closes; every later use fails SHUTTING_DOWN. */
  closePool(handle: PoolHandle): Promise<void>
  order(handle: PoolHandle, order: PoolOrder): Promise<unknown>
  records(handle: PoolHandle): PoolRecords
  /**
   * Takes the steps that are due: clones that are full become available, origins that nothing refers
   * to are forgotten. Durable when it settles; cheap when nothing is due.
   */
  settle(handle: PoolHandle): Promise<void>
  /**
   * It may become so large from now on; durable when it settles. Without a size: as large as its block
   * device; a file stays as it is. FAILED_PRECONDITION when it has more already, or its device less.
   */
  growPool(handle: PoolHandle, options: { readonly capacityBytes?: bigint }): Promise<void>
  poolStats(handle: PoolHandle): PoolStats
  poolMeasures(handle: PoolHandle): PoolMeasures
  /** Undefined where the allocator does not say. */
  memoryMeasures(): MemoryMeasures | undefined
  /** Longest time any request waited because of a cut, per recent cut, nanoseconds (newest last, at most 4096). */
  cutPauses(handle: PoolHandle): readonly number[]
  /**
   * Offline: makes a pool of a file or block device. FOREIGN_FILE, with what is there in its message,
   * when that is not empty, unless `force`; IN_USE when a daemon or the system has it.
   */
  createPool(options: CreatePoolOptions): Promise<CreatedPool>
  /** Offline walk of all roots against the allocator. Refuses a pool in use. */
  poolCheck(path: string, options: PoolCheckOptions): Promise<PoolCheckReport>

  /** Root of an image file by DESIGN 6 (default domain). */
  verifyImage(path: string): Promise<{ readonly rootHex: string; readonly volumeBytes: bigint }>

  /** The root of the snapshot that a manifest is of. Throws INVALID_ARGUMENT for anything else. */
  manifestRoot(manifest: Buffer): string

  startNbd(handle: PoolHandle, options: NbdOptions): Promise<NbdHandle>
  /** Drains: new requests get ESHUTDOWN, connections close by the deadline. Before closePool. */
  stopNbd(handle: NbdHandle, graceMs: number): Promise<void>
}

export interface StoreStats {
  readonly packBytes: bigint
  readonly packs: bigint
  /** Ids in the index, deltas included. */
  readonly chunks: bigint
  readonly nodes: bigint
  readonly indexBytes: bigint
  /** Filters, table indexes, cached blocks and memtables. */
  readonly indexMemoryBytes: bigint
  readonly quarantined: bigint
  /** Highest catalog generation of any record; 0 = none. */
  readonly highestGeneration: bigint
}

export interface StoreRecord {
  readonly generation: bigint
  readonly kind: 'commit' | 'delete'
  readonly row: Buffer
}

export interface DamagedRecord {
  /** Undefined: a pack whose frames are not known; it may have held several records, or none. */
  readonly generation: bigint | undefined
  /** Which pack and what is wrong with it. */
  readonly message: string
}

export interface StoreRecords {
  /** By ascending generation. */
  readonly records: readonly StoreRecord[]
  /** That cannot be read. Another copy of one may be among the records. */
  readonly damaged: readonly DamagedRecord[]
}

export interface StoreCheckReport {
  readonly packs: bigint
  readonly frames: bigint
  /** That something may need: the CRC, or not what the id says. */
  readonly damagedFrames: bigint
  /** That the index does not name: harmless. */
  readonly deadDamagedFrames: bigint
  readonly unknownFiles: bigint
  /** In packs that the index does not know: no problem, opening the store mends it. */
  readonly missingFromIndex: bigint
  readonly danglingIndexEntries: bigint
  readonly deltasWithoutBase: bigint
  readonly nodesWithoutChildren: bigint
  readonly quarantined: bigint
  /** A line each; the first 100. Empty = sound. */
  readonly problems: readonly string[]
}

export interface StoreRebuildReport {
  readonly packs: bigint
  readonly frames: bigint
  /** Ids that a node names and no pack has. */
  readonly quarantined: bigint
  /** Packs that are damaged beside their frames. */
  readonly problems: readonly string[]
}

export interface CollectOptions {
  /** Manifests of 80 bytes: stable and committing snapshots, pins, base roots of sessions. */
  readonly roots: readonly Buffer[]
}

export interface CollectEndOptions extends CollectOptions {
  /** Of records that later ones stand for: those of them that cannot be read go. */
  readonly supersededGenerations?: readonly bigint[]
}

export interface CollectBegun {
  /** Chunks, nodes and manifests. */
  readonly condemnedChunks: bigint
  readonly condemnedBytes: bigint
}

export interface CollectEnded {
  readonly freedBytes: bigint
  /** Packs in which nothing was live. */
  readonly packsDeleted: bigint
  readonly packsRewritten: bigint
  readonly chunksDropped: bigint
  /** Packs that stay because something in them is damaged, a line each. */
  readonly kept: readonly string[]
}

/**
 * The chunk store and pulls of a region.
 */
export interface StoreBinding {
  /** With `adopt` it belongs to this catalog from now on, whichever it belonged to. */
  openStore(
    path: string,
    options: { readonly catalogUuid: string; readonly adopt?: boolean },
  ): Promise<StoreHandle>
  closeStore(handle: StoreHandle): Promise<void>
  storeStats(handle: StoreHandle): Promise<StoreStats>
  /** Durably appends a snapshot record to a node pack (DESIGN 7, "The catalog is not the only root"). */
  storeRecord(handle: StoreHandle, record: StoreRecord): Promise<void>
  storeRecords(handle: StoreHandle): Promise<StoreRecords>
  /** Those of storeRecords, without the others, of which there may be millions. */
  storeDamagedRecords(handle: StoreHandle): Promise<readonly DamagedRecord[]>

  /** Ids (hex) of what is damaged here and counts as missing; a fresh copy ends it. */
  storeQuarantine(handle: StoreHandle): Promise<readonly string[]>

  /** What was found damaged since the last call, a line each: for the log. */
  storeDamage(handle: StoreHandle): Promise<readonly string[]>

  /**
   * First step of a collection. `roots` are the manifests of everything that must stay. What none of
   * them reaches is condemned: it counts as missing for sessions from now on, and can still be read.
   * Nothing is deleted. FAILED_PRECONDITION while one is under way; CORRUPT or NOT_FOUND when a node
   * under a root cannot be read. In memory only: a restart begins anew.
   */
  collectBegin(handle: StoreHandle, options: CollectOptions): Promise<CollectBegun>
  /**
   * Last step, once every session that began before the first has ended, with the roots of now. Deletes
   * only what was condemned and is still not reached. Ends the collection, also when it fails. CORRUPT
   * also when a record that is not superseded cannot be read.
   */
  collectEnd(handle: StoreHandle, options: CollectEndOptions): Promise<CollectEnded>
  /** Nothing is condemned any more. A step under way fails with CANCELLED, soon. Idempotent. */
  collectAbort(handle: StoreHandle): Promise<void>

  /** Offline: every frame and id, index against packs, trees. Refuses a store in use (IN_USE). */
  storeCheck(path: string): Promise<StoreCheckReport>
  /** Offline: as storeRecords, whatever catalog the store belongs to. Refuses a store in use (IN_USE). */
  storeReadRecords(path: string): Promise<StoreRecords>
  /** Offline: a new index from the packs alone. Refuses a store in use (IN_USE). */
  storeRebuildIndex(path: string): Promise<StoreRebuildReport>

  /** Source of a zone's cut. With a base (snapshot id whose cut or bookmark this pool knows) it lists the difference. */
  openCutSource(
    handle: PoolHandle,
    options: { readonly snapshotId: string; readonly baseSnapshotId?: string },
  ): Promise<{
    readonly channel: ChannelHandle
    readonly volumeBytes: bigint
    readonly baseAgreed: boolean
  }>
  /** Hashes the whole cut once more, at low priority, and answers the snapshot's root. */
  auditCut(
    handle: PoolHandle,
    options: { readonly snapshotId: string },
  ): Promise<{ readonly rootHex: string }>
  /**
   * Source of a region's committed snapshot: serves WANT_NODE and WANT. With `baseRootHex`, a snapshot of
   * this store that the receiver said it holds, chunks may go out as deltas on the base's. NOT_FOUND:
   * this store does not have the base.
   */
  openSnapshotSource(
    handle: StoreHandle,
    options: { readonly manifest: Buffer; readonly baseRootHex?: string },
  ): Promise<ChannelHandle>
  /** Receiver into a store. Ends (take → null) when everything listed is durable or it failed. */
  openIngest(handle: StoreHandle, options: IngestOptions): Promise<ChannelHandle>
  /**
   * Receiver of a snapshot from another store: asks for the nodes and chunks that this one lacks. take()
   * gives null at once when the snapshot is here. `baseRootHex`: a snapshot of this store that stays for
   * the length of the pull, and that the source agreed on. What came before the end is kept for the next
   * pull.
   */
  openTreeIngest(
    handle: StoreHandle,
    options: { readonly manifest: Buffer; readonly baseRootHex?: string },
  ): Promise<ChannelHandle>
  /**
   * Receiver of fresh copies of what is damaged or missing under a snapshot of this store, from a source
   * that has the same snapshot. Ended by finishIngest: what came is what the store reads from then on;
   * REMOTE_UNAVAILABLE after that when the source could not give all.
   */
  openRepair(handle: StoreHandle, options: { readonly manifest: Buffer }): Promise<ChannelHandle>
  /** Of any receiver into a store, after take() gave null: packs durable, index, nodes, manifest. The snapshot is visible only by the catalog's row. */
  finishIngest(channel: ChannelHandle): Promise<IngestResult>
  /**
   * Receiver into a pool for one origin. `demand` serves reads that wait, on a connection of its own;
   * `background` fills the rest. take() waits until something is wanted; null = fully hydrated, closed, or
   * (demand) nothing has been wanted for `restMs`, for ever by default.
   */
  openHydration(
    handle: PoolHandle,
    options: {
      readonly snapshotId: string
      readonly lane: 'demand' | 'background'
      readonly restMs?: number
    },
  ): Promise<ChannelHandle>
  /**
   * A channel of openHydration asks for nothing more: take() gives null when what was asked for has come.
   * Readers of it wait for the next. Nothing when it is closed.
   */
  yieldChannel(channel: ChannelHandle): Promise<void>
  /**
   * Snapshots that readers wait for while no demand lane is open for them, in the order of their first
   * readers; waits until there are some. SHUTTING_DOWN when the pool closes.
   */
  takeDemand(handle: PoolHandle): Promise<readonly string[]>

  /** Receiver of a clone that is made from its base. take() gives null when it is full. */
  openCloneFill(handle: PoolHandle, options: { readonly cloneId: string }): Promise<ChannelHandle>

  /** Hands received frames to a channel. Rejects when the frames are wrong: the pull has failed. Await before the next give. */
  give(channel: ChannelHandle, frames: Buffer): Promise<void>
  /** Next frames to send, about 1 MiB at most; waits until there are some. null = this side has nothing more, ever. */
  take(channel: ChannelHandle): Promise<Buffer | null>
  /** Of a closed one, how far it came. */
  channelProgress(channel: ChannelHandle): ChannelProgress
  /** Releases what the channel holds; pending give and take settle with CANCELLED. Idempotent. */
  closeChannel(channel: ChannelHandle): void
}

/** The whole seam. */
export interface Binding extends PoolBinding, StoreBinding {}

export interface CreatePoolOptions {
  readonly path: string
  /** Default: the file system's free space, or the device. */
  readonly capacityBytes?: bigint
  readonly force: boolean
}

export interface CreatedPool {
  /** UUID. */
  readonly poolId: string
  readonly capacityBytes: bigint
}

export interface PoolCheckReport {
  readonly problems: readonly string[]
  readonly repaired: boolean
  readonly volumes: number
  readonly cuts: number
  readonly usedBlocks: bigint
  readonly leakedBlocks: bigint
  /** Held against their checksums; 0 when only the maps were looked at. */
  readonly dataBlocks: bigint
}

export interface PoolCheckOptions {
  readonly repair: boolean
  /** Read all data of volumes and snapshots, too. */
  readonly data: boolean
}

const require = createRequire(import.meta.url)

function addonPath(): string {
  const chosen = process.env['ASHLAR_ADDON']
  if (chosen !== undefined && chosen !== '') return chosen
  let folder = dirname(fileURLToPath(import.meta.url))
  for (;;) {
    const candidate = join(folder, 'build', 'ashlar.node')
    if (existsSync(candidate)) return candidate
    const parent = dirname(folder)
    if (parent === folder) {
      throw new Error('build/ashlar.node is missing: run `npm start` or `npm run build` first')
    }
    folder = parent
  }
}

type Call = (...args: readonly unknown[]) => unknown

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise
}

/** Every failure of the addon becomes an AshlarError, thrown or rejected as it came. */
function translated(call: Call): Call {
  return (...args) => {
    let answer: unknown
    try {
      answer = call(...args)
    } catch (error) {
      throw asAshlarError(error)
    }
    if (!isPromise(answer)) return answer
    return answer.catch((error: unknown) => {
      throw asAshlarError(error)
    })
  }
}

/** The addon's functions by name, as they come out of the .node file. */
export function wrapAddon(addon: Readonly<Record<string, Call>>): Binding {
  return new Proxy({} as Binding, {
    get(_target, name) {
      const call = typeof name === 'string' ? addon[name] : undefined
      if (call === undefined)
        throw new AshlarError('NOT_SUPPORTED', `the addon has no ${String(name)}()`)
      return translated(call)
    },
  })
}

let loaded: Binding | undefined

/** Loads the addon on first use. Throws when it has not been built. */
export function native(): Binding {
  loaded ??= wrapAddon(require(addonPath()))
  return loaded
}
