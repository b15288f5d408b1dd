// Page tokens: opaque text that names the place and the filters it is valid with.

import { createHash } from 'node:crypto'

import { invalidArgument } from '../base/error.js'
import { limits } from '../base/limits.js'
import type { Page, PageRequest } from '../catalog/page.js'

export interface PageFields {
  readonly pageSize: number
  readonly pageToken: string
}

/** Throws INVALID_ARGUMENT for a negative size, or a token that was given for other filters. */
export function parsePage({ pageSize, pageToken }: PageFields, filter: object): PageRequest {
  if (pageSize < 0) throw invalidArgument('page_size', `page_size ${pageSize} is negative`)
  const limit = Math.min(pageSize || limits.pageSizeDefault, limits.pageSizeMax)
  return { limit, before: pageToken === '' ? undefined : parseToken(pageToken, filter) }
}

export interface EncodedPage<Message> {
  readonly items: Message[]
  readonly nextPageToken: string
  readonly totalCount: number
}

/** Ends the page early when it would pass `limits.pageBytesMax`. */
export function encodePage<Row extends { readonly seq: number }, Message>(
  page: Page<Row>,
  filter: object,
  encode: (row: Row) => Message,
): EncodedPage<Message> {
  const items: Message[] = []
  let bytes = 0
  let next = page.next
  let last: number | undefined
  for (const row of page.rows) {
    const item = encode(row)
    bytes += JSON.stringify(item).length
    if (last !== undefined && bytes > limits.pageBytesMax) {
      next = last
      break
    }
    items.push(item)
    last = row.seq
  }
  return {
    items,
    nextPageToken: next === undefined ? '' : formatToken(next, filter),
    totalCount: page.total,
  }
}

function formatToken(before: number, filter: object): string {
  return Buffer.from(`${before} ${digest(filter)}`, 'utf8').toString('base64url')
}

function parseToken(token: string, filter: object): number {
  const match = /^(\d{1,15}) ([0-9a-f]{16})$/.exec(Buffer.from(token, 'base64url').toString('utf8'))
  const before = match?.[1]
  if (before === undefined) throw invalidArgument('page_token', 'the page_token is not one of ours')
  if (match?.[2] === digest(filter)) return Number(before)
  throw invalidArgument('page_token', 'the page_token was given for other filters')
}

function digest(filter: object): string {
  return createHash('sha256').update(JSON.stringify(filter)).digest('hex').slice(0, 16)
}
