// Pages by position, not by count: newest first, and a token names the last row seen, so that
// objects made or gone between two pages neither repeat nor hide others.

export interface PageRequest {
  /** Rows with a smaller `seq` only; undefined starts at the newest. */
  readonly before: number | undefined
  readonly limit: number
}

export interface Page<Row> {
  readonly rows: readonly Row[]
  /** `before` of the next page; undefined on the last one. */
  readonly next: number | undefined
  /** Rows on all pages. */
  readonly total: number
}

interface PageQuery<Row> {
  readonly page: PageRequest
  readonly count: () => Promise<number>
  readonly rows: (before: number, limit: number) => Promise<readonly Row[]>
}

export async function readPage<Row extends { readonly seq: number }>(
  query: PageQuery<Row>,
): Promise<Page<Row>> {
  const { before = Number.MAX_SAFE_INTEGER, limit } = query.page
  const total = await query.count()
  // One more than asked tells whether another page follows.
  const found = await query.rows(before, limit + 1)
  const rows = found.slice(0, limit)
  return { rows, total, next: found.length > limit ? rows.at(-1)?.seq : undefined }
}
