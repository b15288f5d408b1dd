// A file system of a few MiB that a test fills to the last byte and empties again; it is mounted, so that
// only root has one.

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  rmdirSync,
  statfsSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SmallDisk {
  readonly at: string
  readonly #ballast: string
  #inodes = 0

  private constructor(at: string) {
    this.at = at
    this.#ballast = join(at, 'ballast')
  }

  /** Requires: `noSmallDisk()` is undefined. `options` as mount(8) has them for tmpfs: "size=16m". */
  static mount(at: string, options: string): SmallDisk {
    mkdirSync(at, { recursive: true })
    const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', at])
    if (status !== 0) throw new Error(`cannot mount ${at}: ${String(stderr)}`)
    return new SmallDisk(at)
  }

  /** Takes all that is left. */
  fill(): void {
    const file = openSync(this.#ballast, 'a')
    try {
      for (;;) writeSync(file, Buffer.alloc(64 << 10))
    } catch (thrown) {
      if (!(thrown instanceof Error) || !('code' in thrown) || thrown.code !== 'ENOSPC')
        throw thrown
    } finally {
      closeSync(file)
    }
  }

  /** Takes every file that could still be made; `fill` takes the bytes. */
  fillInodes(): void {
    while (statfsSync(this.at).ffree > 0) {
      closeSync(openSync(`${this.#ballast}-${this.#inodes++}`, 'wx'))
    }
  }

  /** Gives back what `fill` took. */
  makeRoom(): void {
    rmSync(this.#ballast)
  }

  unmount(): void {
    // Whoever was killed a moment ago may still hold it.
    spawnSync('umount', ['--lazy', this.at])
  }
}

/** Why there can be none here, or undefined. */
export function noSmallDisk(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root'
  const at = mkdtempSync(join(tmpdir(), 'ashm-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', at]).status === 0
  if (mounted) spawnSync('umount', [at])
  rmdirSync(at)
  return mounted ? undefined : 'needs the right to mount'
}
