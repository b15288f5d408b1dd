// From what a request names to the row it means.

import { AshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import type { Reference } from '../../../base/reference.js'
import { assertNever } from '../../../base/assert-never.js'
import type { ErrorCode } from '../../../gen/errors.js'
import type { Tables } from '../../../catalog/catalog.js'
import type { AttachmentRow, SnapshotRow, VolumeRow } from '../../../catalog/rows.js'

interface Owner {
  readonly account: string
  readonly region: { readonly name: string }
}

/** Throws VOLUME_NOT_FOUND. */
export async function resolveVolume(
  tables: Tables,
  reference: Reference,
  owner: Owner,
  field = 'volume',
): Promise<VolumeRow> {
  const row = await volumeRow(tables, reference, owner)
  return row ?? notFound('VOLUME_NOT_FOUND', 'volume', reference, field)
}

/** Throws SNAPSHOT_NOT_FOUND. */
export async function resolveSnapshot(
  tables: Tables,
  reference: Reference,
  owner: Owner,
  field = 'snapshot',
): Promise<SnapshotRow> {
  const row = await snapshotRow(tables, reference, owner)
  return row ?? notFound('SNAPSHOT_NOT_FOUND', 'snapshot', reference, field)
}

/** Throws ATTACHMENT_NOT_FOUND. */
export async function resolveAttachment(tables: Tables, id: Id): Promise<AttachmentRow> {
  const row = await tables.attachments.find(id)
  return row ?? notFound('ATTACHMENT_NOT_FOUND', 'attachment', { kind: 'id', id }, 'attachment')
}

/**
 * The id a filter means, of an object that may be gone. Undefined when a name or a CRN fits nothing
 * that could ever have been here.
 */
export async function resolveFilter(
  reference: Reference,
  byName: (name: string) => Promise<{ readonly id: Id } | undefined>,
): Promise<Id | undefined> {
  switch (reference.kind) {
    case 'id':
      return reference.id
    case 'crn':
      return reference.crn.id
    case 'name':
      return (await byName(reference.name))?.id
    default:
      return assertNever(reference)
  }
}

async function volumeRow(
  tables: Tables,
  reference: Reference,
  owner: Owner,
): Promise<VolumeRow | undefined> {
  switch (reference.kind) {
    case 'id':
      return await tables.volumes.find(reference.id)
    case 'name':
      return await tables.volumes.holdingName(reference.name)
    case 'crn': {
      const row = await tables.volumes.find(reference.crn.id)
      const { location, account } = reference.crn
      return row?.zone === location && account === owner.account ? row : undefined
    }
    default:
      return assertNever(reference)
  }
}

async function snapshotRow(
  tables: Tables,
  reference: Reference,
  owner: Owner,
): Promise<SnapshotRow | undefined> {
  switch (reference.kind) {
    case 'id':
      return await tables.snapshots.find(reference.id)
    case 'name':
      return await tables.snapshots.holdingName(reference.name)
    case 'crn': {
      const { location, account, id } = reference.crn
      const here = location === owner.region.name && account === owner.account
      return here ? await tables.snapshots.find(id) : undefined
    }
    default:
      return assertNever(reference)
  }
}

function notFound(code: ErrorCode, what: string, reference: Reference, field: string): never {
  throw new AshlarError(code, `there is no ${what} ${textOf(reference)}`, {
    field,
    metadata: { [what]: textOf(reference) },
  })
}

function textOf(reference: Reference): string {
  switch (reference.kind) {
    case 'id':
      return reference.id
    case 'crn':
      return reference.crn.id
    case 'name':
      return JSON.stringify(reference.name)
    default:
      return assertNever(reference)
  }
}
