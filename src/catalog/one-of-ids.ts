// Rows by a list of ids of any length, in one query whose text is always the same.

import { type RawBuilder, sql } from 'kysely'

/** For `where(column, 'in', oneOfIds(ids))`. */
export const oneOfIds = (ids: readonly string[]): RawBuilder<string> =>
  sql`(select value from json_each(${JSON.stringify(ids)}))`
