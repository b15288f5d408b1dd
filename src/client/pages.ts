// Lists, whole: one page after the other.

import type { ListAttachmentsRequest } from '../gen/ashlar/v1/ListAttachmentsRequest.js'
import type { ListSnapshotsRequest } from '../gen/ashlar/v1/ListSnapshotsRequest.js'
import type { ListVolumesRequest } from '../gen/ashlar/v1/ListVolumesRequest.js'
import type { Attachment__Output as Attachment } from '../gen/ashlar/v1/Attachment.js'
import type { Snapshot__Output as Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { Volume__Output as Volume } from '../gen/ashlar/v1/Volume.js'
import type { CallOptions } from './calls.js'
import type { Client } from './client.js'

export function listVolumes(
  client: Client,
  filter: Omit<ListVolumesRequest, 'pageToken'> = {},
  options: CallOptions = {},
): Promise<Volume[]> {
  return everyPage(async (pageToken) => {
    const page = await client.volumes.listVolumes({ ...filter, pageToken }, options)
    return { items: page.volumes, nextPageToken: page.nextPageToken }
  })
}

export function listSnapshots(
  client: Client,
  filter: Omit<ListSnapshotsRequest, 'pageToken'> = {},
  options: CallOptions = {},
): Promise<Snapshot[]> {
  return everyPage(async (pageToken) => {
    const page = await client.snapshots.listSnapshots({ ...filter, pageToken }, options)
    return { items: page.snapshots, nextPageToken: page.nextPageToken }
  })
}

export function listAttachments(
  client: Client,
  filter: Omit<ListAttachmentsRequest, 'pageToken'> = {},
  options: CallOptions = {},
): Promise<Attachment[]> {
  return everyPage(async (pageToken) => {
    const page = await client.attachments.listAttachments({ ...filter, pageToken }, options)
    return { items: page.attachments, nextPageToken: page.nextPageToken }
  })
}

interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextPageToken: string
}

async function everyPage<Item>(fetch: (pageToken: string) => Promise<Page<Item>>): Promise<Item[]> {
  const all: Item[] = []
  let pageToken = ''
  do {
    const page = await fetch(pageToken)
    all.push(...page.items)
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return all
}
