// A catalog from the records of its store, or brought up to date with them: commits and deletes of
// snapshots in the order of their generations. Volumes and pins are not in records: the nodes have
// the volumes, and say which pins they need.

import type { Catalog, Tables } from '../../catalog/catalog.js'
import type { New, SnapshotRow } from '../../catalog/rows.js'
import { parseCrn } from '../../base/crn.js'
import { AshlarError } from '../../base/error.js'
import { limits } from '../../base/limits.js'
import type { StoreRecord } from '../../native/binding.js'
import { type RecordRegion, readSnapshotRecord } from './snapshot-record.js'

export interface Applied {
  readonly records: number
  readonly generation: number
}

/** Undefined without records. Throws CORRUPT, NEWER_FORMAT. */
export function regionOfRecords(records: readonly StoreRecord[]): RecordRegion | undefined {
  const last = records.at(-1)
  return last === undefined ? undefined : readSnapshotRecord(last.row).region
}

/**
 * In one transaction: all of them or, after a failure, none. Requires: ascending generations. Those up
 * to what the catalog knows are left out. Throws CORRUPT, NEWER_FORMAT.
 */
export async function applyRecords(
  catalog: Catalog,
  records: readonly StoreRecord[],
): Promise<Applied> {
  return await catalog.write(async (tables) => {
    const known = (await tables.meta.knownGeneration()) ?? (await tables.meta.generation())
    const later = records.filter(({ generation }) => generation > BigInt(known))
    for (const { kind, row } of later) {
      const read = readSnapshotRecord(row)
      if (kind === 'commit') await applyCommit(tables, read.row)
      else await applyDelete(tables, read.row)
    }
    const generation = Math.max(known, Number(later.at(-1)?.generation ?? 0n))
    await tables.meta.recoveredTo(generation)
    return { records: later.length, generation }
  })
}

async function applyCommit(tables: Tables, row: New<SnapshotRow>): Promise<void> {
  const { id, node, rootHex, manifest, createdMs } = row
  if (rootHex === undefined || manifest === undefined) {
    throw new AshlarError('CORRUPT', `the record of snapshot ${id} has no manifest`)
  }
  const { storedBytes, logicalBytes, transferredBytes } = row
  const sealed = { rootHex, manifest, storedBytes, logicalBytes, transferredBytes }
  if ((await tables.snapshots.find(id)) === undefined) {
    await freeName(tables, row.name)
    await tables.snapshots.insert(row)
  } else {
    const { epoch, bytes, capturedNs } = row
    await tables.snapshots.update(id, {
      ...sealed,
      state: 'stable',
      reason: null,
      bytes,
      ...(epoch === undefined ? {} : { epoch }),
      ...(capturedNs === undefined ? {} : { capturedNs }),
    })
  }
  await tables.sessions.endOf(id)
  if (row.sourceSnapshot === undefined) {
    await tables.orders.insert({ kind: 'sealed', node, target: id, rootHex, createdMs })
  } else {
    const peer = parseCrn(row.sourceSnapshot.crn).location
    await tables.peerOrders.insert({ kind: 'commitCopy', peer, target: id, createdMs })
  }
}

// Who has the name in the records was renamed since; to what is not recorded.
async function freeName(tables: Tables, name: string): Promise<void> {
  const holder = await tables.snapshots.holdingName(name)
  if (holder === undefined) return
  const suffix = `-${holder.id.slice(-12)}`
  const renamed = name.slice(0, limits.nameLengthMax - suffix.length).replace(/-+$/, '') + suffix
  await tables.snapshots.update(holder.id, { name: renamed, revision: holder.revision + 1 })
}

async function applyDelete(tables: Tables, { id, node }: New<SnapshotRow>): Promise<void> {
  await tables.sessions.endOf(id)
  await tables.orders.removeSealed(node, id)
  await tables.requests.removeOf(id)
  await tables.snapshots.remove(id)
}
