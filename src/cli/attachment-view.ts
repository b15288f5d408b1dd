// How attachments look as tables, and the lines that attach them with stock tools.

import type { Attachment__Output as Attachment } from '../gen/ashlar/v1/Attachment.js'
import { referenceTable } from './reference-view.js'
import { formatDetails, formatTable } from './table.js'
import { exactSize, orNothing, stateWord, time } from './text.js'

const mode = (attachment: Attachment): string => (attachment.readOnly ? 'read-only' : 'read-write')

export function attachmentList(attachments: readonly Attachment[]): string {
  return formatTable({
    columns: ['ID', 'Volume', 'Host', 'Mode', 'Status', 'Connections', 'Zone', 'Created'],
    rows: attachments.map((attachment) => [
      attachment.id,
      orNothing(attachment.volume?.name ?? ''),
      attachment.host,
      mode(attachment),
      stateWord(attachment.lifecycleState),
      String(attachment.connections),
      attachment.zone,
      time(attachment.createdAt),
    ]),
  })
}

export function attachmentDetails(attachment: Attachment): string {
  return formatDetails([
    ['ID', attachment.id],
    ['Volume', referenceTable(attachment.volume, 'volume')],
    ['Host', attachment.host],
    ['Mode', mode(attachment)],
    ['Status', stateWord(attachment.lifecycleState)],
    ['Device size', exactSize(attachment.deviceBytes)],
    ['Connections', String(attachment.connections)],
    ['Zone', attachment.zone],
    ['Created', time(attachment.createdAt)],
    ['NBD URI', orNothing(attachment.nbdUnixUri)],
    ['NBD URI (TCP)', orNothing(attachment.nbdTcpUri)],
    ['nbd-client', orNothing(nbdClientLine(attachment))],
  ])
}

/** The line that gives the kernel's NBD driver the volume; over TCP only where there is no socket. */
export function nbdClientLine(attachment: Attachment): string {
  const address = unixAddress(attachment.nbdUnixUri) ?? tcpAddress(attachment.nbdTcpUri)
  if (address === undefined) return ''
  const readOnly = attachment.readOnly ? ' -R' : ''
  return `nbd-client ${address} /dev/nbd0 -N ${attachment.id} -b 4096${readOnly}`
}

function unixAddress(uri: string): string | undefined {
  const path = uri === '' ? null : new URL(uri).searchParams.get('socket')
  return path === null ? undefined : `-unix ${shellWord(path)}`
}

function tcpAddress(uri: string): string | undefined {
  if (uri === '') return undefined
  const { hostname, port } = new URL(uri)
  return `${hostname.replace(/^\[|\]$/g, '')} ${port === '' ? '10809' : port}`
}

const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
