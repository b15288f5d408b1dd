// What callers see of a region's objects: rows, and what the nodes say about them now.

import { assertNever } from '../../../base/assert-never.js'
import { formatCrn, parseCrn } from '../../../base/crn.js'
import type { Id } from '../../../base/ids.js'
import type { Tables } from '../../../catalog/catalog.js'
import type {
  AttachmentRow,
  AttachmentState,
  CloneRow,
  CopyRow,
  Labels,
  Reason,
  SnapshotRow,
  SnapshotSource,
  SnapshotSourceVolume,
  VolumeRow,
} from '../../../catalog/rows.js'
import { remoteName } from '../jobs/copy-description.js'
import { type RegionContext, etagOf, linkOf } from '../nodes/context.js'
import type { Moving, NodeLink } from '../nodes/node-link.js'

export interface ProgressView {
  readonly doneBytes: bigint
  /** 0 while unknown. */
  readonly totalBytes: bigint
  readonly percent: number
  /** Over the last few seconds. */
  readonly bytesPerSecond: bigint
}

export interface ReferenceView {
  readonly id: Id
  readonly crn: string
  readonly name: string
  readonly deleted: boolean
  /** Of an object of another region. */
  readonly remoteRegion?: string
}

export interface VolumeView {
  /** Place in the order of creation; not for callers. */
  readonly seq: number
  readonly id: Id
  readonly crn: string
  readonly name: string
  readonly etag: string
  readonly zone: string
  readonly status: 'pending' | 'available' | 'updating' | 'pendingDeletion' | 'unusable'
  readonly statusReasons: readonly Reason[]
  readonly health: 'ok' | 'degraded' | 'faulted' | 'inapplicable'
  readonly healthReasons: readonly Reason[]
  readonly attachmentState: 'attached' | 'unattached' | 'unusable'
  readonly capacityBytes: bigint
  readonly sourceSnapshot: ReferenceView | undefined
  readonly hydration: ProgressView | undefined
  readonly attachmentIds: readonly Id[]
  readonly labels: Labels
  readonly createdMs: number
}

export interface AttachmentView {
  /** Place in the order of creation; not for callers. */
  readonly seq: number
  readonly id: Id
  readonly volume: ReferenceView
  readonly zone: string
  readonly host: string
  readonly readOnly: boolean
  readonly state: AttachmentState
  readonly nbdUnixUri: string
  readonly nbdTcpUri: string
  readonly deviceBytes: bigint
  readonly connections: number
  readonly createdMs: number
}

export interface SnapshotView {
  /** Place in the order of creation; not for callers. */
  readonly seq: number
  readonly id: Id
  readonly crn: string
  readonly name: string
  readonly etag: string
  readonly state: 'waiting' | 'pending' | 'stable' | 'failed' | 'deleting'
  readonly reasons: readonly Reason[]
  readonly progress: ProgressView
  readonly createdMs: number
  readonly capturedNs: bigint | undefined
  readonly minimumCapacityBytes: bigint
  readonly storedBytes: bigint
  /** Undefined while the source of a copy has not been reached. */
  readonly sourceVolume: ReferenceView | undefined
  readonly logicalBytes: bigint
  readonly transferredBytes: bigint
  readonly rootHex: string
  readonly labels: Labels
  readonly clones: readonly CloneView[]
  /** Complete ones in other regions. */
  readonly copies: readonly CopyView[]
  /** Of a copy. */
  readonly sourceSnapshot: ReferenceView | undefined
}

export interface CopyView {
  readonly snapshot: ReferenceView
  readonly createdMs: number
}

export interface CloneView {
  readonly zone: string
  readonly available: boolean
  readonly progress: ProgressView
  readonly reasons: readonly Reason[]
  readonly createdMs: number
}

/** What is known of the jobs of pending snapshots. */
export interface Jobs {
  readonly progress: (snapshotId: Id) => ProgressView
  readonly queuedBehind: (snapshotId: Id) => Reason | undefined
}

interface AboutVolume {
  readonly lost: boolean
  readonly attachment: Id | undefined
  /** Which of the snapshots that volumes come from there are. */
  readonly snapshots: ReadonlySet<Id>
}

interface AboutSnapshot {
  /** Which of the volumes that snapshots were made of there are. */
  readonly volumes: ReadonlySet<Id>
  readonly clones: readonly CloneRow[]
  readonly copies: readonly CopyRow[]
}

export class Views {
  readonly #context: RegionContext
  readonly #jobs: Jobs

  constructor(context: RegionContext, jobs: Jobs) {
    this.#context = context
    this.#jobs = jobs
  }

  async volume(tables: Tables, row: VolumeRow): Promise<VolumeView> {
    return only(await this.volumes(tables, [row]))
  }

  /** What they refer to is read for all at once: one by one, it was most of what a list costs. */
  async volumes(tables: Tables, rows: readonly VolumeRow[]): Promise<readonly VolumeView[]> {
    const attached = await tables.attachments.ofVolumes(rows.map(({ id }) => id))
    const attachments = new Map(attached.map(({ volumeId, id }) => [volumeId, id]))
    const sources = rows.flatMap(({ source }) =>
      source.kind === 'empty' ? [] : [source.snapshotId],
    )
    const snapshots = await tables.snapshots.existing(sources)
    const missing = this.#missing(rows)
    return rows.map((row) => {
      const lost = missing.has(row.id)
      return this.#volume(row, { lost, attachment: attachments.get(row.id), snapshots })
    })
  }

  /** Those that their node does not have. Only records younger than every order can say so. */
  #missing(rows: readonly VolumeRow[]): ReadonlySet<Id> {
    const missing = new Set<Id>()
    for (const node of new Set(rows.map((row) => row.node))) {
      const records = linkOf(this.#context, node).freshRecords
      if (records === undefined) continue
      const there = new Set<string>(records.volumes.map(({ volumeId }) => volumeId))
      for (const row of rows) if (row.node === node && !there.has(row.id)) missing.add(row.id)
    }
    return missing
  }

  #volume(row: VolumeRow, { lost, attachment, snapshots }: AboutVolume): VolumeView {
    return {
      seq: row.seq,
      id: row.id,
      crn: this.#volumeCrn(row.id, row.zone),
      name: row.name,
      etag: etagOf(row.revision),
      zone: row.zone,
      ...volumeStatus(row, lost),
      ...this.#health(row),
      attachmentState:
        attachment !== undefined ? 'attached' : isSettled(row) && !lost ? 'unattached' : 'unusable',
      capacityBytes: row.bytes,
      sourceSnapshot: this.#sourceSnapshot(row, snapshots),
      hydration: this.#hydration(row),
      attachmentIds: attachment === undefined ? [] : [attachment],
      labels: row.labels,
      createdMs: row.createdMs,
    }
  }

  async attachment(tables: Tables, row: AttachmentRow, volume: VolumeRow): Promise<AttachmentView> {
    const { state } = linkOf(this.#context, volume.node)
    const node = state.kind === 'here' ? state.records.node : await tables.nodes.find(volume.node)
    const record =
      state.kind === 'here'
        ? state.records.attachments.find(({ attachmentId }) => attachmentId === row.id)
        : undefined
    const { nbdUnixPath = '', nbdTcpAddress = '' } = node ?? {}
    return {
      seq: row.seq,
      id: row.id,
      volume: this.#volumeReference(
        { id: row.volumeId, name: volume.name, zone: volume.zone },
        false,
      ),
      zone: volume.zone,
      host: row.host,
      readOnly: row.readOnly,
      state: row.state,
      nbdUnixUri: nbdUnixPath === '' ? '' : `nbd+unix:///${row.id}?socket=${uriPath(nbdUnixPath)}`,
      nbdTcpUri: nbdTcpAddress === '' ? '' : `nbd://${nbdTcpAddress}/${row.id}`,
      deviceBytes: volume.grantedBytes,
      connections: record?.connections ?? 0,
      createdMs: row.createdMs,
    }
  }

  async snapshot(tables: Tables, row: SnapshotRow): Promise<SnapshotView> {
    return only(await this.snapshots(tables, [row]))
  }

  /** As volumes(). */
  async snapshots(tables: Tables, rows: readonly SnapshotRow[]): Promise<readonly SnapshotView[]> {
    const ids = rows.map(({ id }) => id)
    const sources = rows.flatMap(({ sourceVolume: source }) =>
      source === undefined || source.region !== undefined ? [] : [source.id],
    )
    const volumes = await tables.volumes.existing(sources)
    const clones = groupedBy(await tables.clones.ofSnapshots(ids), ({ snapshotId }) => snapshotId)
    const copies = groupedBy(await tables.copies.committedOf(ids), ({ snapshotId }) => snapshotId)
    return rows.map((row) =>
      this.#snapshot(row, {
        volumes,
        clones: clones.get(row.id) ?? [],
        copies: copies.get(row.id) ?? [],
      }),
    )
  }

  #snapshot(row: SnapshotRow, { volumes, clones, copies }: AboutSnapshot): SnapshotView {
    const { account, region } = this.#context
    const stable = row.state === 'stable'
    return {
      seq: row.seq,
      id: row.id,
      crn: formatCrn({ location: region.name, account, type: 'snapshot', id: row.id }),
      name: row.name,
      etag: etagOf(row.revision),
      state: snapshotState(row),
      reasons: this.#snapshotReasons(row),
      progress: this.#snapshotProgress(row),
      createdMs: row.createdMs,
      capturedNs: row.capturedNs,
      minimumCapacityBytes: row.bytes,
      storedBytes: stable ? row.storedBytes : 0n,
      logicalBytes: row.logicalBytes,
      transferredBytes: stable ? row.transferredBytes : 0n,
      sourceVolume: this.#sourceVolume(row.sourceVolume, volumes),
      rootHex: stable ? (row.rootHex ?? '') : '',
      labels: row.labels,
      clones: this.#shownClones(clones, row),
      copies: copies.map(copyView),
      sourceSnapshot: row.sourceSnapshot && remoteSnapshot(row.sourceSnapshot),
    }
  }

  /** By zone, without those on their way out. */
  async clones(tables: Tables, snapshot: SnapshotRow): Promise<readonly CloneView[]> {
    return this.#shownClones(await tables.clones.ofSnapshot(snapshot.id), snapshot)
  }

  #shownClones(rows: readonly CloneRow[], snapshot: SnapshotRow): readonly CloneView[] {
    const shown = rows.filter(({ state }) => state !== 'deleting')
    return shown.map((row) => this.clone(row, snapshot))
  }

  clone(row: CloneRow, snapshot: SnapshotRow): CloneView {
    const available = row.state === 'available'
    return {
      zone: row.zone,
      available,
      progress: this.#cloneProgress(row, snapshot),
      reasons: available ? [] : this.#cloneReasons(row, snapshot),
      createdMs: row.createdMs,
    }
  }

  #cloneProgress(row: CloneRow, { bytes }: SnapshotRow): ProgressView {
    if (row.state === 'available') return finished(bytes)
    return progressOf(this.#linkOf(row)?.cloneProgressOf(row.id))
  }

  #cloneReasons(row: CloneRow, snapshot: SnapshotRow): readonly Reason[] {
    if (snapshot.state !== 'stable') {
      const message = `snapshot ${snapshot.id} is pending; the clone begins when it is stable`
      return [{ code: 'snapshot_pending', message }]
    }
    const link = this.#linkOf(row)
    if (link?.state.kind === 'away') {
      const message = `zone ${row.zone} is away (${link.state.why})`
      return [{ code: 'zone_unreachable', message }]
    }
    const trouble = link?.cloneProgressOf(row.id)?.trouble
    if (trouble !== undefined) return [{ code: 'region_unreachable', message: trouble }]
    return row.reason === undefined ? [] : [row.reason]
  }

  #linkOf({ place }: CloneRow): NodeLink | undefined {
    return place === undefined ? undefined : this.#context.links.get(place.node)
  }

  #sourceVolume(
    source: SnapshotSourceVolume | undefined,
    volumes: ReadonlySet<Id>,
  ): ReferenceView | undefined {
    if (source === undefined) return undefined
    const { id, zone, region } = source
    if (region !== undefined) {
      const crn = this.#volumeCrn(id, zone)
      return { id, crn, name: remoteName(id), deleted: false, remoteRegion: region }
    }
    return this.#volumeReference(source, !volumes.has(id))
  }

  #health(row: VolumeRow): Pick<VolumeView, 'health' | 'healthReasons'> {
    if (row.state === 'creating' || row.state === 'deleting') {
      return { health: 'inapplicable', healthReasons: [] }
    }
    const { state, zone } = linkOf(this.#context, row.node)
    if (state.kind === 'away') {
      const message = `zone ${zone} is away (${state.why}); this is the last known state`
      return { health: 'degraded', healthReasons: [{ code: 'zone_unreachable', message }] }
    }
    if (row.hydrated) return { health: 'ok', healthReasons: [] }
    const trouble = linkOf(this.#context, row.node).hydrationOf(row.id)?.trouble
    const message =
      trouble === undefined
        ? 'data is being fetched from the snapshot; reads of what is missing wait for it'
        : `data cannot be fetched from the snapshot now: ${trouble}`
    return {
      health: trouble === undefined ? 'degraded' : 'faulted',
      healthReasons: [{ code: 'initializing_from_snapshot', message }],
    }
  }

  #hydration(row: VolumeRow): ProgressView | undefined {
    if (row.source.kind === 'empty') return undefined
    if (row.hydrated) return finished(row.bytes)
    return progressOf(linkOf(this.#context, row.node).hydrationOf(row.id))
  }

  #sourceSnapshot(row: VolumeRow, snapshots: ReadonlySet<Id>): ReferenceView | undefined {
    if (row.source.kind === 'empty') return undefined
    const { account, region } = this.#context
    const { snapshotId: id, snapshotName: name } = row.source
    return {
      id,
      crn: formatCrn({ location: region.name, account, type: 'snapshot', id }),
      name,
      deleted: !snapshots.has(id),
    }
  }

  #volumeReference(volume: SnapshotSourceVolume, deleted: boolean): ReferenceView {
    return {
      id: volume.id,
      crn: this.#volumeCrn(volume.id, volume.zone),
      name: volume.name,
      deleted,
    }
  }

  #volumeCrn(id: Id, zone: string): string {
    return formatCrn({ location: zone, account: this.#context.account, type: 'volume', id })
  }

  #snapshotReasons(row: SnapshotRow): readonly Reason[] {
    if (row.state === 'deleting') return []
    if (snapshotState(row) === 'pending' && row.node !== '') {
      const { state, zone } = linkOf(this.#context, row.node)
      if (state.kind === 'away') {
        return [{ code: 'zone_unreachable', message: `zone ${zone} is away (${state.why})` }]
      }
      const queued = this.#jobs.queuedBehind(row.id)
      if (queued !== undefined) return [queued]
    }
    return row.reason === undefined ? [] : [row.reason]
  }

  #snapshotProgress(row: SnapshotRow): ProgressView {
    if (row.state === 'stable') return finished(row.bytes)
    return this.#jobs.progress(row.id)
  }
}

function copyView({ id, crn, name, region, createdMs }: CopyRow): CopyView {
  return { snapshot: { id, crn, name, deleted: false, remoteRegion: region }, createdMs }
}

function only<View>([view]: readonly View[]): View {
  if (view === undefined) throw new Error('a row without a view')
  return view
}

function groupedBy<Row>(rows: readonly Row[], keyOf: (row: Row) => Id): ReadonlyMap<Id, Row[]> {
  const groups = new Map<Id, Row[]>()
  for (const row of rows) {
    const group = groups.get(keyOf(row))
    if (group === undefined) groups.set(keyOf(row), [row])
    else group.push(row)
  }
  return groups
}

function remoteSnapshot({ crn, name }: SnapshotSource): ReferenceView {
  const { id, location: remoteRegion } = parseCrn(crn)
  return { id, crn, name: name === '' ? remoteName(id) : name, deleted: false, remoteRegion }
}

const finished = (bytes: bigint): ProgressView => ({
  doneBytes: bytes,
  totalBytes: bytes,
  percent: 100,
  bytesPerSecond: 0n,
})

/** Whole percents, rounded down; 100 is said only by what is finished. */
function progressOf(now: Moving | undefined): ProgressView {
  const { doneBytes = 0n, totalBytes = 0n, bytesPerSecond = 0n } = now ?? {}
  const percent = totalBytes === 0n ? 0 : Math.min(99, Number((doneBytes * 100n) / totalBytes))
  return { doneBytes, totalBytes, percent: Math.max(0, percent), bytesPerSecond }
}

const isSettled = (row: VolumeRow): boolean => row.state === 'available' || row.state === 'growing'

function volumeStatus(row: VolumeRow, lost: boolean): Pick<VolumeView, 'status' | 'statusReasons'> {
  switch (row.state) {
    case 'creating':
      return { status: 'pending', statusReasons: [] }
    case 'deleting':
      return { status: 'pendingDeletion', statusReasons: [] }
    case 'available':
    case 'growing':
      if (!lost) {
        return { status: row.state === 'growing' ? 'updating' : 'available', statusReasons: [] }
      }
      return {
        status: 'unusable',
        statusReasons: [
          { code: 'record_missing', message: `the pool of node ${row.node} does not have it` },
        ],
      }
    default:
      return assertNever(row.state)
  }
}

function snapshotState(row: SnapshotRow): SnapshotView['state'] {
  switch (row.state) {
    case 'cutting':
    case 'captured':
    case 'committing':
      return 'pending'
    case 'waiting':
    case 'stable':
    case 'failed':
    case 'deleting':
      return row.state
    default:
      return assertNever(row.state)
  }
}

// A path inside a URI's query: everything that could end it is escaped.
function uriPath(path: string): string {
  return encodeURI(path).replace(/[?#&+]/g, (character) => encodeURIComponent(character))
}
