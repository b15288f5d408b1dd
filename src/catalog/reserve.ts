// Room set aside on the catalog's file system: a file beside the catalog that is given up when something
// that gives room back finds none. Its bytes are random, so that no file system keeps fewer than it has.

import { randomFillSync } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** What has to be free beside a reserve, else the next write would need it at once. */
export const roomBytes = 1 << 20
const probeBytes = 64 << 10

export class Reserve {
  readonly #path: string
  readonly #fresh: string
  readonly #folder: string
  readonly #bytes: number

  constructor(path: string, bytes: number) {
    this.#path = path
    this.#fresh = `${path}.new`
    this.#folder = dirname(path)
    this.#bytes = bytes
    this.#dropFresh()
  }

  giveUp(): void {
    // reversible: it holds nothing
    rmSync(this.#path, { force: true })
    // Some file systems give blocks back with the next sync.
    const folder = openSync(this.#folder, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }

  /** Makes it if it is not there. False when it cannot be made, or leaves no room beside it. */
  renew(): boolean {
    const found = statSync(this.#path, { throwIfNoEntry: false })
    // Offline commands want less than the daemon.
    const isThere = found !== undefined && found.size >= this.#bytes
    const needBytes = (isThere ? 0 : this.#bytes) + roomBytes
    const { bfree, bsize } = statfsSync(this.#folder)
    // To try would take what others may still find.
    if (bfree * bsize < needBytes) return false
    try {
      this.#makeFresh(needBytes)
      // reversible: it holds nothing
      if (!isThere) renameSync(this.#fresh, this.#path)
      return true
    } catch {
      return false
    } finally {
      this.#dropFresh()
    }
  }

  /** Asks the file system: SQLite does not say why a write failed. */
  isDiskFull(): boolean {
    try {
      this.#makeFresh(probeBytes)
      return false
    } catch (thrown) {
      return isOutOfRoom(thrown)
    } finally {
      this.#dropFresh()
    }
  }

  /** It has `bytes` for a moment, and keeps what a reserve has. */
  #makeFresh(bytes: number): void {
    const block = randomFillSync(Buffer.alloc(Math.min(bytes, roomBytes)))
    const file = openSync(this.#fresh, 'w', 0o600)
    try {
      for (let written = 0; written < bytes; written += block.length) writeFileSync(file, block)
      fsyncSync(file)
      ftruncateSync(file, Math.min(bytes, this.#bytes))
    } finally {
      closeSync(file)
    }
  }

  #dropFresh(): void {
    // reversible: it holds nothing
    rmSync(this.#fresh, { force: true })
  }
}

function isOutOfRoom(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !('code' in thrown)) return false
  return thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT'
}
