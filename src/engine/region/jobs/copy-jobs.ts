// The job of a copy: the source's region is asked to pin the snapshot and to describe it, what is
// missing here is pulled by tree, and the commit is that of every snapshot. Each attempt asks again,
// which renews the pin, so that nothing but the row has to be remembered.

import { AshlarError, asAshlarError } from '../../../base/error.js'
import { formatCrn, parseCrn } from '../../../base/crn.js'
import type { Id } from '../../../base/ids.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { SnapshotChange } from '../../../catalog/snapshots.js'
import type { Base, New, SnapshotRow, SnapshotSource } from '../../../catalog/rows.js'
import type { Binding, ChannelHandle, IngestResult } from '../../../native/binding.js'
import type { OpenedCopy } from '../../copy-control.js'
import type { PullOpened } from '../../puller.js'
import { Attempts } from '../../retry.js'
import type { LazyStore } from '../core/lazy-store.js'
import { Lanes } from '../core/semaphore.js'
import type { CopySnapshot } from '../core/specs.js'
import type { RegionContext } from '../nodes/context.js'
import { isTransient } from '../nodes/node-link.js'
import type { PeerLink, PeerLinks } from '../nodes/peer-link.js'
import { copyCrn, readDescription } from './copy-description.js'
import type { IngestJobs, JobEnd } from './ingest-jobs.js'
import type { Sessions } from './sessions.js'
import { volumeBytesOf } from './snapshot-source.js'

export interface CopyJobsOptions {
  readonly context: RegionContext
  readonly native: Binding
  readonly store: LazyStore
  readonly sessions: Sessions
  readonly peers: PeerLinks
  readonly jobs: IngestJobs
}

export type CopyRowOf = SnapshotRow & { readonly sourceSnapshot: SnapshotSource }

export const isCopy = (row: SnapshotRow): row is CopyRowOf => row.sourceSnapshot !== undefined

/** Name of the region a copy comes from. */
export const regionOf = ({ sourceSnapshot }: CopyRowOf): string =>
  parseCrn(sourceSnapshot.crn).location

/** What is known of a copy before its source has been reached. */
export function newCopy(
  { source, userTags, resourceGroup }: CopySnapshot,
  given: Pick<SnapshotRow, 'id' | 'name' | 'createdMs'>,
): New<SnapshotRow> {
  return {
    ...given,
    state: 'waiting',
    reason: undefined,
    zone: '',
    node: '',
    sourceVolume: undefined,
    sourceSnapshot: { crn: formatCrn(source), name: '' },
    bytes: 0n,
    epoch: undefined,
    capturedNs: undefined,
    rootHex: undefined,
    manifest: undefined,
    storedBytes: 0n,
    logicalBytes: 0n,
    transferredBytes: 0n,
    fullSeal: false,
    revision: 1,
    labels: { userTags, resourceGroup, operatingSystem: undefined, sourceImage: undefined },
  }
}

/** Pulls at the same time from one region. */
const pullsMax = 4
/** A source gives up a copy that it has not heard of for days, however long one pull takes. */
const contactEveryMs = 3600 * 1000

const nothingPulled = { addedBytes: 0n, receivedBytes: 0n, logicalBytes: 0n, chunks: 0n }

export class CopyJobs {
  readonly #options: CopyJobsOptions
  readonly #lanes = new Lanes(pullsMax)
  readonly #attempts = new Attempts()

  constructor(options: CopyJobsOptions) {
    this.#options = options
  }

  /** What the source's region says about it, to be written into the row. Throws what it refuses. */
  async open(row: CopyRowOf, signal: AbortSignal): Promise<SnapshotChange> {
    const { manifest, description } = await this.#open(row, signal)
    const { name, sourceVolume, operatingSystem, sourceImage, ...content } =
      readDescription(description)
    if (manifest.length !== 80 || volumeBytesOf(manifest) !== content.bytes) {
      throw new AshlarError(
        'PROTOCOL',
        `the manifest of ${row.sourceSnapshot.crn} is of another size`,
      )
    }
    const { region, ...volume } = sourceVolume
    const { catalog, region: own } = this.#options.context
    const here = region === own.name
    // It may have been renamed since it was last told.
    const known = here ? await catalog.read.volumes.find(volume.id) : undefined
    return {
      state: 'captured',
      reason: null,
      manifest,
      ...content,
      sourceVolume: here ? { ...volume, name: known?.name ?? volume.name } : sourceVolume,
      sourceSnapshot: { crn: row.sourceSnapshot.crn, name },
      labels: { ...row.labels, operatingSystem, sourceImage },
    }
  }

  async run(row: CopyRowOf, signal: AbortSignal): Promise<JobEnd> {
    try {
      await this.#lanes.run(regionOf(row), signal, async () => await this.#take(row, signal))
      return { kind: 'stable' }
    } catch (thrown) {
      signal.throwIfAborted()
      return this.judge(row, asAshlarError(thrown))
    }
  }

  /** What a failed attempt means for the copy. */
  judge(row: CopyRowOf, error: AshlarError): JobEnd {
    const reason = { code: reasonCode(error), message: error.message }
    // Its data is complete; what is missing is only ours to write.
    if (row.state === 'committing') return { kind: 'waits', reason, error }
    return { kind: this.#attempts.isLast(row.id, error) ? 'failed' : 'waits', reason, error }
  }

  /** The job is over, however it ended. */
  forget(id: Id): void {
    this.#attempts.forget(id)
  }

  async #take(row: CopyRowOf, signal: AbortSignal): Promise<void> {
    const { jobs, sessions } = this.#options
    // All of it was durable before the root was committed; only the record or the row is missing.
    if (row.state === 'committing') return await jobs.publish(row.id)
    const manifest = requireManifest(row)
    await sessions.run(
      async (tables) => ({
        kind: 'copy',
        snapshotId: row.id,
        base: await baseOf(tables, row),
      }),
      async ({ base }) => {
        const result = base?.manifest.equals(manifest)
          ? { ...nothingPulled, rootHex: base.rootHex, manifest }
          : await this.#pullOnto(row, base, signal)
        // The source knows it; a pull only sees what was missing here.
        const { logicalBytes } = row
        const incremental = base !== undefined
        await jobs.publish(row.id, { result, logicalBytes, incremental })
      },
    )
  }

  async #pullOnto(
    row: CopyRowOf,
    base: Base | undefined,
    signal: AbortSignal,
  ): Promise<IngestResult> {
    try {
      return await this.#pull(row, base, signal)
    } catch (thrown) {
      signal.throwIfAborted()
      const error = asAshlarError(thrown)
      if (base === undefined || (error.code !== 'CORRUPT' && error.code !== 'NOT_FOUND'))
        throw error
      const { log } = this.#options.context
      log.warn({ err: error, snapshot: row.id, base: base.snapshotId }, 'copying without the base')
      return await this.#pull(row, undefined, signal)
    }
  }

  async #pull(row: CopyRowOf, base: Base | undefined, signal: AbortSignal): Promise<IngestResult> {
    const { native, store, jobs, context } = this.#options
    const manifest = requireManifest(row)
    const opened = await this.#open(row, signal)
    if (!opened.manifest.equals(manifest)) {
      throw new AshlarError('PROTOCOL', `${row.sourceSnapshot.crn} has changed, which none can`)
    }
    const handle = await store.get()
    const receive = async ({ volumeBytes, baseAgreed }: PullOpened): Promise<ChannelHandle> => {
      if (volumeBytes !== row.bytes) {
        throw new AshlarError('PROTOCOL', `${volumeBytes} bytes were opened, not ${row.bytes}`)
      }
      const baseRoot = base === undefined || !baseAgreed ? {} : { baseRootHex: base.rootHex }
      return await native.openTreeIngest(handle, { manifest, ...baseRoot })
    }
    const { snapshotId, pinId } = opened
    const named = base === undefined ? undefined : await idAtSource(context.catalog.read, base)
    const baseSnapshot = named === undefined ? {} : { baseSnapshotId: named }
    const open = { snapshotId, pinId, site: context.region.name, ...baseSnapshot }
    const { puller } = this.#peerOf(row)
    const done = new AbortController()
    try {
      void this.#stayInContact(row, AbortSignal.any([signal, done.signal]))
      const result = await jobs.ingest(row.id, { puller, open, receive }, signal)
      if (result.manifest.equals(manifest)) return result
      throw new AshlarError('CORRUPT', `what was pulled for ${row.id} has another root`)
    } finally {
      done.abort()
    }
  }

  async #stayInContact(row: CopyRowOf, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.context
    while (!signal.aborted) {
      try {
        await clock.sleep(contactEveryMs, signal)
        await this.#open(row, signal)
      } catch (thrown) {
        if (!signal.aborted)
          log.warn({ err: thrown, snapshot: row.id }, 'no contact with the source')
      }
    }
  }

  async #open(row: CopyRowOf, signal: AbortSignal): Promise<OpenedCopy> {
    const { account, region } = this.#options.context
    return await this.#peerOf(row).control.open(
      {
        copyId: row.id,
        snapshotCrn: row.sourceSnapshot.crn,
        region: region.name,
        copyCrn: copyCrn(region.name, account, row.id),
        copyName: row.name,
      },
      signal,
    )
  }

  #peerOf(row: CopyRowOf): PeerLink {
    return this.#options.peers.get(regionOf(row))
  }
}

/**
 * A stable snapshot of exactly this content, else the newest of the same volume, be it of this region
 * or a copy as well, else none.
 */
async function baseOf(tables: Tables, row: CopyRowOf): Promise<Base | undefined> {
  const same = await tables.snapshots.stableWith(requireManifest(row))
  const volumeId = row.sourceVolume?.id
  const newest =
    volumeId === undefined ? undefined : (await tables.snapshots.stableOfVolume(volumeId))[0]
  const found = same ?? newest
  if (found?.rootHex === undefined || found.manifest === undefined) return undefined
  return { snapshotId: found.id, rootHex: found.rootHex, manifest: found.manifest }
}

/** The base as the source may know it: what it is a copy of, or the snapshot that was copied there. */
async function idAtSource(tables: Tables, { snapshotId }: Base): Promise<Id | undefined> {
  const row = await tables.snapshots.find(snapshotId)
  return row?.sourceSnapshot === undefined ? row?.id : parseCrn(row.sourceSnapshot.crn).id
}

function requireManifest({ id, manifest }: SnapshotRow): Buffer {
  if (manifest !== undefined) return manifest
  throw new AshlarError('INTERNAL', `copy ${id} has no manifest`)
}

// Words of ashlar.v1.Snapshot.lifecycle_reasons.
function reasonCode(error: AshlarError): string {
  if (isTransient(error)) return 'region_unreachable'
  switch (error.code) {
    case 'NO_SPACE':
      return 'region_full'
    case 'CORRUPT':
      return 'corrupt'
    case 'SNAPSHOT_PENDING':
      return 'source_snapshot_pending'
    case 'SNAPSHOT_NOT_FOUND':
      return 'source_snapshot_deleted'
    case 'SNAPSHOT_FAILED':
      return 'source_snapshot_failed'
    case 'PERMISSION_DENIED':
      return 'region_refuses'
    default:
      return 'internal_error'
  }
}
