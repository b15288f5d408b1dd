// The set-up of a checkout that was copied from another one.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import { afterAll, beforeAll, expect, test } from 'vitest'

interface Script {
  readonly isConfiguredHere: (folder: string, checkout: string) => boolean
}

const path = resolve(import.meta.dirname, '..', 'scripts', 'setup.mjs')
const { isConfiguredHere } = (await import(pathToFileURL(path).href)) as unknown as Script

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ashs-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a CMake folder is used in the checkout that it was configured for, by whatever name', () => {
  const checkout = join(folder, 'here')
  const build = join(checkout, 'build', 'check')
  mkdirSync(build, { recursive: true })
  symlinkSync(checkout, join(folder, 'link'))
  expect(isConfiguredHere(build, checkout)).toBe(false)
  const configure = (home: string) =>
    writeFileSync(
      join(build, 'CMakeCache.txt'),
      `A:STRING=b\nCMAKE_HOME_DIRECTORY:INTERNAL=${home}\n`,
    )
  configure(checkout)
  expect(isConfiguredHere(build, checkout)).toBe(true)
  expect(isConfiguredHere(build, join(folder, 'link'))).toBe(true)
  configure(join(folder, 'elsewhere'))
  expect(isConfiguredHere(build, checkout)).toBe(false)
  configure(folder)
  expect(isConfiguredHere(build, checkout)).toBe(false)
})

test('packages of another checkout, behind a symbolic link, are left alone', () => {
  const checkout = join(folder, 'linked')
  const other = join(folder, 'other', 'node_modules')
  mkdirSync(join(checkout, 'scripts'), { recursive: true })
  mkdirSync(other, { recursive: true })
  copyFileSync(path, join(checkout, 'scripts', 'setup.mjs'))
  writeFileSync(join(checkout, 'package-lock.json'), '{}')
  writeFileSync(join(other, 'kept'), 'kept')
  symlinkSync(other, join(checkout, 'node_modules'))
  const setup = join(checkout, 'scripts', 'setup.mjs')
  const { status, stderr } = spawnSync(process.execPath, [setup], { encoding: 'utf8' })
  expect(stderr).toMatch(
    /^ashlar: \S+\/linked\/node_modules is a symbolic link to \S+\/other\/node_modules[^\n]+\n$/,
  )
  expect(status).toBe(1)
  expect(readFileSync(join(other, 'kept'), 'utf8')).toBe('kept')
})
