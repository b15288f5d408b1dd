// What --output json prints: the API's messages with the field names of the .proto files, states in
// the short lower-case form, times in RFC 3339, 64-bit counts as numbers (a capacity is at most 2^46).
// Arrays are always there; what is absent is left out, never null.

import { isoTime, stateWord } from './text.js'

export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json }

/** Requires: a message as the client returns it, or an array or object of such. */
export function toJson(value: unknown, key = ''): Json {
  if (typeof value === 'string') return text(value, key)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (Array.isArray(value)) return value.map((item: unknown) => toJson(item, key))
  if (isTimestamp(value)) return isoTime(value)
  const entries = Object.entries(value ?? {})
    .filter(([, member]) => member !== null && member !== undefined)
    .map(([name, member]) => [snakeCase(name), toJson(member, name)] as const)
  return Object.fromEntries(entries)
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(toJson(value), undefined, 2)}\n`
}

/** The fields of 64 bits, by what they count; any other string of digits is a name, tag or version. */
const counts = /(?:^b|B)ytes$|PerSecond$|^chunks|^nodes$|(?:^g|G)eneration$/

function text(value: string, key: string): Json {
  if (counts.test(key) && /^-?\d+$/.test(value)) return Number(value)
  return /(?:^s|S)tat(?:e|us)$|^encryption$/.test(key) ? stateWord(value) : value
}

const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function isTimestamp(value: unknown): value is { seconds: string; nanos: number } {
  return typeof value === 'object' && value !== null && 'seconds' in value && 'nanos' in value
}
