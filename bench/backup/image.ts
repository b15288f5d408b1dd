// What is backed up: an ext4 image with a real tree of files, and the same with 1 % of all its 4 KiB
// blocks overwritten at random.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'

export const blockBytes = 4096
const dataBytes = 1.9 * 2 ** 30
const treeRoots = ['/usr/lib', '/usr/share', '/usr/include', '/usr/bin', '/usr/local/lib', '/opt']

export interface Change {
  readonly block: number
  readonly data: Buffer
}

/** Made once and kept: files of this machine, in order of their names, until 1.9 GiB are together. */
export function buildImage(path: string, scratch: string, tell: (what: string) => void): void {
  if (fs.existsSync(path)) return
  const tree = join(scratch, 'tree')
  tell(`building ${path}: copying ${(dataBytes / 2 ** 30).toFixed(1)} GiB of files`)
  let left = dataBytes
  for (const root of treeRoots) left = copyTree(root, tree + root, left)
  if (left > 0) throw new Error(`this machine has too few files below ${treeRoots.join(', ')}`)
  const partial = `${path}.new`
  fs.rmSync(partial, { force: true })
  tell('building the image: mke2fs -d')
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-d', tree, partial, '4G'])
  fs.renameSync(partial, path)
  fs.rmSync(tree, { recursive: true, force: true })
}

/** What is left of `bytes`. Regular files and folders only. */
function copyTree(from: string, to: string, bytes: number): number {
  if (bytes <= 0 || !fs.existsSync(from)) return bytes
  fs.mkdirSync(to, { recursive: true })
  for (const entry of fs.readdirSync(from, { withFileTypes: true }).sort(byName)) {
    if (bytes <= 0) break
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) bytes = copyTree(source, target, bytes)
    if (!entry.isFile()) continue
    fs.copyFileSync(source, target)
    // A file takes whole blocks.
    bytes -= Math.ceil(fs.statSync(source).size / blockBytes) * blockBytes
  }
  return bytes
}

const byName = (a: fs.Dirent, b: fs.Dirent) => (a.name < b.name ? -1 : 1)

/** 1 % of the blocks, each once, with content that neither packs nor repeats. Equal for equal seeds. */
export function makeChanges(bytes: number, seed: number): readonly Change[] {
  const blocks = Math.floor(bytes / blockBytes)
  const chosen = new Set<number>()
  const wanted = Math.floor(blocks / 100)
  for (let at = 0; chosen.size < wanted; at++) {
    const random = createHash('shake256', { outputLength: 48 }).update(`${seed} ${at}`).digest()
    for (let word = 0; word < 48 && chosen.size < wanted; word += 6)
      chosen.add(random.readUIntBE(word, 6) % blocks)
  }
  return [...chosen].map((block) => ({
    block,
    data: createHash('shake256', { outputLength: blockBytes })
      .update(`${seed} b ${block}`)
      .digest(),
  }))
}

/** In place, and on disk when it returns. */
export function applyChanges(path: string, changes: readonly Change[]): void {
  const file = fs.openSync(path, 'r+')
  try {
    for (const { block, data } of changes)
      fs.writeSync(file, data, 0, data.length, block * blockBytes)
    fs.fsyncSync(file)
  } finally {
    fs.closeSync(file)
  }
}

/** The changed blocks as they are in `from`, back into `to`. */
export function undoChanges(from: string, to: string, changes: readonly Change[]): void {
  const file = fs.openSync(from, 'r')
  try {
    const before = changes.map(({ block }) => {
      const data = Buffer.alloc(blockBytes)
      fs.readSync(file, data, 0, blockBytes, block * blockBytes)
      return { block, data }
    })
    applyChanges(to, before)
  } finally {
    fs.closeSync(file)
  }
}

/** Into the page cache, the same state for everybody. */
export function warm(path: string): void {
  execFileSync('sh', ['-c', `cat ${JSON.stringify(path)} > /dev/null`])
}
