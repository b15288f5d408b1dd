// ashlar.v1.AttachmentService.

import { parseHost } from '../base/host.js'
import { parseId, parseRequestId } from '../base/ids.js'
import { parseReference } from '../base/reference.js'
import type { AttachmentFilter } from '../catalog/attachments.js'
import type { AttachmentView } from '../engine/region/objects/views.js'
import type { Region } from '../engine/region/region.js'
import type { Attachment } from '../gen/ashlar/v1/Attachment.js'
import type { AttachmentLifecycleState } from '../gen/ashlar/v1/AttachmentLifecycleState.js'
import type { AttachmentServiceHandlers } from '../gen/ashlar/v1/AttachmentService.js'
import type { ListAttachmentsRequest__Output } from '../gen/ashlar/v1/ListAttachmentsRequest.js'
import { encodeMs, encodeReference } from './encode.js'
import { encodePage, parsePage } from './paging.js'
import { parseFilterText } from './parse.js'
import type { Handlers } from './unary.js'

export function attachmentHandlers(region: Region, handlers: Handlers) {
  const { attachments } = region
  return {
    CreateAttachment: handlers.unary(async ({ volume, host, readOnly, wantTcp, requestId }) => {
      const spec = {
        volume: parseReference(volume, 'volume', 'volume'),
        host: parseHost(host),
        readOnly,
        wantTcp,
        requestId: parseRequestId(requestId),
      }
      return encodeAttachment(await attachments.create(spec))
    }),
    GetAttachment: handlers.unary(async ({ attachment }) =>
      encodeAttachment(await attachments.get(parseId(attachment, 'attachment'))),
    ),
    ListAttachments: handlers.unary(async (request) => {
      const filter = await parseFilter(region, request)
      if (filter === undefined) return { attachments: [], nextPageToken: '', totalCount: 0 }
      const page = await attachments.list(filter, parsePage(request, filter))
      const { items, ...rest } = encodePage(page, filter, encodeAttachment)
      return { attachments: items, ...rest }
    }),
    DeleteAttachment: handlers.unary(async ({ attachment, requestId }) => {
      const left = await attachments.delete({
        attachment: parseId(attachment, 'attachment'),
        requestId: parseRequestId(requestId),
      })
      return left === undefined ? {} : { attachment: encodeAttachment(left) }
    }),
  } satisfies AttachmentServiceHandlers
}

/** Undefined when it names a volume that never was. */
async function parseFilter(
  region: Region,
  request: ListAttachmentsRequest__Output,
): Promise<AttachmentFilter | undefined> {
  const host = parseFilterText(request.host, 'host')
  const zone = parseFilterText(request.zone, 'zone')
  const volumeId =
    request.volume === ''
      ? undefined
      : await region.volumeIdOf(parseReference(request.volume, 'volume', 'volume'))
  if (request.volume !== '' && volumeId === undefined) return undefined
  return {
    ...(volumeId === undefined ? {} : { volumeId }),
    ...(host === undefined ? {} : { host }),
    ...(zone === undefined ? {} : { zone }),
  }
}

const states = {
  attaching: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHING',
  attached: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED',
  detaching: 'ATTACHMENT_LIFECYCLE_STATE_DETACHING',
} as const satisfies Record<AttachmentView['state'], AttachmentLifecycleState>

function encodeAttachment(view: AttachmentView): Attachment {
  return {
    id: view.id,
    volume: encodeReference(view.volume),
    zone: view.zone,
    host: view.host,
    readOnly: view.readOnly,
    lifecycleState: states[view.state],
    nbdUnixUri: view.nbdUnixUri,
    nbdTcpUri: view.nbdTcpUri,
    deviceBytes: String(view.deviceBytes),
    connections: view.connections,
    createdAt: encodeMs(view.createdMs),
  }
}
