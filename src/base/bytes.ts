// Byte counts as people write and read them. Only binary units: GiB, never GB.

import { invalidArgument } from './error.js'
import { quote } from './ids.js'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const
const sizePattern = /^(\d{1,20})\s*(|b|[kmgtp]i?b?)$/i

/** "4 KiB", "1.5 GiB": at most one decimal, exact when it has none and the unit divides it. */
export function formatBytes(bytes: bigint | number): string {
  const value = BigInt(typeof bytes === 'number' ? Math.round(bytes) : bytes)
  let unit = 0
  while (unit < units.length - 1 && value >= 1n << BigInt(10 * (unit + 1))) unit++
  return `${decimal(value, 1n << BigInt(10 * unit))} ${units[unit] ?? ''}`
}

function decimal(value: bigint, unit: bigint): string {
  const tenths = (value * 10n) / unit
  const rest = tenths % 10n
  return rest === 0n ? String(tenths / 10n) : `${tenths / 10n}.${rest}`
}

/**
 * "64MiB", "10 GiB", "4096", "1t": a whole number and a binary unit (B, K, M, G, T, P, each also as
 * KiB). Decimal units are refused, because GB would mean either. Throws INVALID_ARGUMENT.
 */
export function parseBytes(text: string, field = 'size'): bigint {
  const match = sizePattern.exec(text.trim())
  const digits = match?.[1]
  const unit = (match?.[2] ?? '').toUpperCase()
  if (digits === undefined || /^[KMGTP]B$/.test(unit)) {
    throw invalidArgument(field, `${quote(text)} is not a size like 64MiB, 10GiB or 1048576`)
  }
  return BigInt(digits) << BigInt(10 * Math.max(0, 'BKMGTP'.indexOf(unit.charAt(0) || 'B')))
}
