// Tables: aligned columns under a header, three spaces apart, nothing after the last one. Details:
// a table of two columns without a header, in which a value may be a table of its own.

import { nothing, printable } from './text.js'

const gap = '   '

export interface Table {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export type Detail = readonly [key: string, value: string | Table]

/** One line a row, ending in a line break. */
export function formatTable(table: Table): string {
  return align([table.columns, ...table.rows])
}

/** A nested table starts on the line of its key and is followed by an empty line. */
export function formatDetails(details: readonly Detail[]): string {
  return align(
    details.flatMap(([key, value]) =>
      typeof value === 'string' ? [[key, value]] : nested(key, value),
    ),
  )
}

function nested(key: string, table: Table): string[][] {
  if (table.rows.length === 0) return [[key, nothing]]
  const lines = formatTable(table).trimEnd().split('\n')
  return [...lines.map((line, index) => [index === 0 ? key : '', line]), ['', '']]
}

function align(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  const cleaned = rows.map((row) => row.map(printable))
  for (const row of cleaned) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width(cell))
    })
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell))).join(gap)
  return cleaned.map((row) => `${line(row).trimEnd()}\n`).join('')
}

const width = (cell: string): number => Array.from(cell).length
