// The file system of the demo: ext4 with a real tree of files (this checkout's node_modules) and one
// large file that stands for a database. What changes later are blocks of that file, so that the file
// system stays sound and e2fsck can be asked.

import { createHash } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { packageFile } from '../setup.mjs'

export const blockBytes = 4096
export const volumeBytes = 1 << 30
const databaseBytes = 64 << 20

/** Bytes that do not compress, the same in every run. */
const noise = (seed, length) =>
  createHash('shake256', { outputLength: length }).update(seed).digest()

/**
 * Makes the image. Answers how many of its blocks hold anything, and where those of the database lie.
 */
export async function makeImage(world, image) {
  writeFileSync(image, '')
  truncateSync(image, volumeBytes)
  const block = String(blockBytes)
  await world.run('mke2fs', ['-q', '-t', 'ext4', '-b', block, '-d', packageFile('.'), image])
  const database = world.path('database')
  // Pages that are half full: noise, then zeros.
  const pages = Buffer.alloc(databaseBytes)
  const content = noise('pages', databaseBytes / 2)
  for (let at = 0; at < databaseBytes; at += blockBytes) {
    content.copy(pages, at, at / 2, at / 2 + blockBytes / 2)
  }
  writeFileSync(database, pages)
  await world.run('debugfs', ['-w', '-R', `write ${database} database`, image])
  const extents = await world.run('debugfs', ['-R', 'dump_extents -l database', image])
  const stats = await world.run('debugfs', ['-R', 'show_super_stats -h', image])
  return { usedBlocks: usedBlocks(stats), databaseBlocks: blocksOf(extents) }
}

function usedBlocks(stats) {
  const [all, free] = ['Block count', 'Free blocks'].map((name) =>
    Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(stats)?.[1]),
  )
  if (!(all > free)) throw new Error(`debugfs said neither block count nor free blocks:\n${stats}`)
  return all - free
}

/** "level/ levels  entry/ entries  first - last  first - last  count", in blocks of the image. */
function blocksOf(extents) {
  const lines = extents.matchAll(/^ *\d+\/ *\d+ +\d+\/ *\d+ +\d+ - +\d+ +(\d+) - +(\d+) /gm)
  const blocks = [...lines].flatMap(([, first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => Number(first) + index),
  )
  if (blocks.length * blockBytes === databaseBytes) return blocks
  throw new Error(`debugfs listed ${blocks.length} blocks of the database:\n${extents}`)
}

/** `count` of the blocks, scattered, with what is to be written there. */
export function changes(blocks, count) {
  const left = [...blocks]
  const order = noise('order', count * 4)
  return Array.from({ length: count }, (_, index) => {
    const [block] = left.splice(order.readUInt32LE(index * 4) % left.length, 1)
    return { offset: block * blockBytes, data: noise(`change ${index}`, blockBytes) }
  })
}

export function readBlock(file, offset) {
  const descriptor = openSync(file, 'r')
  const block = Buffer.alloc(blockBytes)
  readSync(descriptor, block, 0, blockBytes, offset)
  closeSync(descriptor)
  return block
}

export function applyToFile(file, changed) {
  const descriptor = openSync(file, 'r+')
  for (const { offset, data } of changed) writeSync(descriptor, data, 0, data.length, offset)
  fsyncSync(descriptor)
  closeSync(descriptor)
}
