// The files of a chunk store, as STORE.md has them: where its records lie, and bits of them flipped.

import { closeSync, openSync, readFileSync, readSync, readdirSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'

import type { Random } from './random.js'

const footerBytes = 48
const entryBytes = 88
const frameHeaderBytes = 88
const recordKind = 6

export interface PlacedRecord {
  readonly path: string
  /** Of the frame. */
  readonly offset: number
  readonly bytes: number
  readonly generation: bigint
  readonly kind: 'commit' | 'delete'
  readonly snapshotId: string
  readonly name: string
}

export const packsOf = (store: string): readonly string[] =>
  readdirSync(join(store, 'packs')).map((name) => join(store, 'packs', name))

/** All that can be told, by generation. */
export function recordsOf(store: string): readonly PlacedRecord[] {
  const nodes = packsOf(store).filter((path) => basename(path).startsWith('n'))
  const records = nodes.flatMap((path) => recordsIn(path))
  return records.sort((a, b) => Number(a.generation - b.generation))
}

function recordsIn(path: string): readonly PlacedRecord[] {
  const pack = readFileSync(path)
  const directory = Number(pack.readBigUInt64LE(pack.length - footerBytes + 16))
  const records: PlacedRecord[] = []
  for (let at = directory; at < pack.length - footerBytes; at += entryBytes) {
    if (pack.readUInt8(at + 80) !== recordKind) continue
    const offset = Number(pack.readBigUInt64LE(at + 64))
    const body = pack.subarray(offset + frameHeaderBytes)
    const bytes = frameHeaderBytes + pack.readUInt32LE(at + 72)
    const row = rowIn(body.subarray(16, 16 + body.readUInt32LE(12)))
    if (row === undefined) continue
    records.push({
      path,
      offset,
      bytes,
      generation: body.readBigUInt64LE(0),
      kind: body.readUInt32LE(8) === 1 ? 'commit' : 'delete',
      snapshotId: row.id,
      name: row.name,
    })
  }
  return records
}

function rowIn(json: Buffer): { readonly id: string; readonly name: string } | undefined {
  try {
    return JSON.parse(json.toString('utf8')) as { id: string; name: string }
  } catch {
    return undefined
  }
}

/** One bit of the frame. */
export function flipIn({ path, offset, bytes }: PlacedRecord, random: Random): void {
  flipAt(path, offset + Math.floor(random.below(bytes)), random)
}

/** One bit of this byte. */
export function flipAt(path: string, at: number, random: Random): void {
  const file = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, at)
  byte.writeUInt8(byte.readUInt8(0) ^ (1 << Math.floor(random.below(8))), 0)
  writeSync(file, byte, 0, 1, at)
  closeSync(file)
}
