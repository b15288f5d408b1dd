// A catalog from the records of its store, or brought up to date with them: commits and deletes of
// snapshots in the order of their generations. A commit of one that is there says its name, tags and
// copies of then. Volumes and pins are not in records: the nodes have them, and say so (adoption.ts).

import type { Catalog, Tables } from '../../../catalog/catalog.js'
import type { New, SnapshotRow } from '../../../catalog/rows.js'
import { parseCrn } from '../../../base/crn.js'
import { AshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import { suffixedName } from '../../../base/names.js'
import type { DamagedRecord, StoreRecord, StoreRecords } from '../../../native/binding.js'
import {
  type CopyRecord,
  type RecordRegion,
  type SnapshotRecord,
  readSnapshotRecord,
} from '../jobs/snapshot-record.js'

export interface Applied {
  readonly records: number
  readonly generation: number
  /** Records that cannot be read and were left out, as the caller allowed. */
  readonly damaged: number
}

const toldMax = 3

/** Undefined without records. Throws CORRUPT, NEWER_FORMAT. */
export function regionOfRecords(records: readonly StoreRecord[]): RecordRegion | undefined {
  const last = records.at(-1)
  return last === undefined ? undefined : readSnapshotRecord(last.row).region
}

/**
 * Answers how many records after generation `known` cannot be read, where `withoutDamaged` allows that.
 * Throws CORRUPT, with what an operator can do.
 */
export function countDamaged(
  { records, damaged }: StoreRecords,
  known: number,
  withoutDamaged: boolean,
): number {
  const readable = new Set(records.map(({ generation }) => generation))
  const lost = damaged.filter(
    ({ generation }) =>
      generation === undefined || (generation > BigInt(known) && !readable.has(generation)),
  )
  if (lost.length === 0 || withoutDamaged) return lost.length
  throw new AshlarError('CORRUPT', refusal(lost))
}

function refusal(lost: readonly DamagedRecord[]): string {
  const told = lost.slice(0, toldMax).map(({ message }) => message)
  const more = lost.length > told.length ? ['and more'] : []
  return (
    `of the snapshot records in the store ${lost.length} cannot be read (${[...told, ...more].join('; ')}): ` +
    'start the region if its catalog is still there, which records anew what they said; or put an older ' +
    'copy of the catalog back and use --missing, which needs only the records after it; or go on without ' +
    'them by --without-damaged: a snapshot that only such a record committed is then unknown, and its ' +
    'data is collected as garbage, and one that it deleted may come back'
  )
}

/**
 * In one transaction: all of them or, after a failure, none. Those up to what the catalog knows are left
 * out. Throws CORRUPT (also as countDamaged), NEWER_FORMAT.
 */
export async function applyRecords(
  catalog: Catalog,
  found: StoreRecords,
  withoutDamaged = false,
): Promise<Applied> {
  return await catalog.write(async (tables) => {
    const known = (await tables.meta.knownGeneration()) ?? (await tables.meta.generation())
    const damaged = countDamaged(found, known, withoutDamaged)
    const { records } = found
    const later = records.filter(({ generation }) => generation > BigInt(known))
    for (const { kind, row } of later) {
      const read = readSnapshotRecord(row)
      if (kind === 'commit') await applyCommit(tables, read)
      else await applyDelete(tables, read.row)
    }
    const generation = Math.max(known, Number(later.at(-1)?.generation ?? 0n))
    await tables.meta.recoveredTo(generation)
    return { records: later.length, generation, damaged }
  })
}

async function applyCommit(tables: Tables, { row, copies }: SnapshotRecord): Promise<void> {
  const { id, node, rootHex, manifest, createdMs } = row
  if (rootHex === undefined || manifest === undefined) {
    throw new AshlarError('CORRUPT', `the record of snapshot ${id} has no manifest`)
  }
  const { storedBytes, logicalBytes, transferredBytes } = row
  const sealed = { rootHex, manifest, storedBytes, logicalBytes, transferredBytes }
  await freeName(tables, row.name, id)
  const before = await tables.snapshots.find(id)
  if (before === undefined) {
    await tables.snapshots.insert(row)
  } else {
    const { epoch, bytes, capturedNs, name, revision, labels } = row
    await tables.volumes.renameSource(id, name)
    await tables.snapshots.update(id, {
      name,
      revision,
      labels,
      ...sealed,
      state: 'stable',
      reason: null,
      bytes,
      ...(epoch === undefined ? {} : { epoch }),
      ...(capturedNs === undefined ? {} : { capturedNs }),
    })
  }
  await applyCopies(tables, id, copies)
  await tables.sessions.endOf(id)
  if (row.sourceSnapshot === undefined) {
    await tables.orders.insert({ kind: 'sealed', node, target: id, rootHex, createdMs })
  } else {
    const peer = parseCrn(row.sourceSnapshot.crn).location
    await tables.peerOrders.insert({ kind: 'commitCopy', peer, target: id, createdMs })
  }
}

// Some may be open in a catalog of before.
async function applyCopies(
  tables: Tables,
  snapshotId: Id,
  copies: readonly CopyRecord[],
): Promise<void> {
  await tables.copies.removeCommittedOf(snapshotId)
  for (const copy of copies) {
    const open = await tables.copies.find(copy.id)
    if (open?.pinId !== undefined) await tables.pins.remove(open.pinId)
    await tables.copies.remove(copy.id)
    const { createdMs: contactMs } = copy
    await tables.copies.insert({
      ...copy,
      snapshotId,
      pinId: undefined,
      description: '',
      contactMs,
    })
  }
}

// Who has the name in the records was renamed since, and the record of that is later, or was not written.
async function freeName(tables: Tables, name: string, id: Id): Promise<void> {
  const holder = await tables.snapshots.holdingName(name)
  if (holder === undefined || holder.id === id) return
  const renamed = suffixedName(name, holder.id)
  await tables.snapshots.update(holder.id, { name: renamed, revision: holder.revision + 1 })
}

async function applyDelete(tables: Tables, { id, node }: New<SnapshotRow>): Promise<void> {
  await tables.sessions.endOf(id)
  await tables.orders.removeSealed(node, id)
  await tables.requests.removeOf(id)
  await tables.copies.removeCommittedOf(id)
  await tables.snapshots.remove(id)
}
