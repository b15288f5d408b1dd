// A world's data in one small file: what the sites of a region wrote, as they left it, and beside it a
// description of what is in there. Paths are the caller's: nothing in the data names the folder it was
// made in.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

const fixtures = resolve(import.meta.dirname, '..', 'fixtures')

/** Equal blocks of source, store and restored volume are worth one of them: the window spans them all. */
const windowBits = 27

export function archive(folder: string): Buffer {
  // Pools are sparse, and sockets are nobody's data.
  const args = ['--sparse', '--sort=name', '--owner=0', '--group=0', '--exclude=*.toml']
  const files = [
    '--exclude=*.sock',
    '--exclude=*.nbd',
    '--exclude=*.wire',
    '-C',
    folder,
    '-cf',
    '-',
    '.',
  ]
  const plain = execFileSync('tar', [...args, ...files], { maxBuffer: 1 << 30 })
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LARGE_WINDOW]: 1,
      [constants.BROTLI_PARAM_LGWIN]: windowBits,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  })
}

function unarchive(bytes: Buffer, folder: string): void {
  const plain = brotliDecompressSync(bytes, {
    params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 },
  })
  mkdirSync(folder, { recursive: true })
  execFileSync('tar', ['--no-same-owner', '-C', folder, '-xf', '-'], { input: plain })
}

/** `name` is that of the archive: "<commit>/<what>". */
export function writeFixture(name: string, folder: string, content: unknown): void {
  const file = join(fixtures, name)
  mkdirSync(resolve(file, '..'), { recursive: true })
  writeFileSync(`${file}.tar.br`, archive(folder))
  writeFileSync(`${file}.json`, `${JSON.stringify(content, undefined, 2)}\n`)
}

/** Unpacks it, and answers what is said to be in there. */
export function readFixture<T>(name: string, folder: string): T {
  const file = join(fixtures, name)
  unarchive(readFileSync(`${file}.tar.br`), folder)
  return JSON.parse(readFileSync(`${file}.json`, 'utf8')) as T
}
