// The default world's certificates: kept while they are good, remade as a whole when they are not.

import { X509Certificate } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { type Logger, makeLogger } from '../../../src/base/logger.js'
import { developmentCertificates } from '../../../src/daemon/development-certificates.js'
import { siteCredentials } from '../../../src/daemon/tls-files.js'
import { SmallDisk, noSmallDisk } from '../../support/small-disk.js'

const sites = ['local', 'local-1-a']
const now = new Date('2026-03-01T00:00:00Z')
const yearMs = 365 * 24 * 3600 * 1000
const later = (years: number) => new Date(now.getTime() + years * yearMs)
const log = makeLogger({ name: 'test', level: 'fatal' })

let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'ash-tls-')), 'tls')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

const pem = (name: string) => join(folder, name)
const make = async (at = now) => await developmentCertificates(folder, sites, at)
const contents = () =>
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )

test('are made with keys that only their owner reads, and are good for a site', async () => {
  const filesOf = await make()
  const names = ['ca.pem', 'local-1-a.key', 'local-1-a.pem', 'local.key', 'local.pem']
  expect(readdirSync(folder).sort()).toEqual(names)
  for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  for (const name of sites) {
    expect(() => siteCredentials({ name, tls: filesOf(name) }, log, now)).not.toThrow()
  }
  const cert = new X509Certificate(readFileSync(filesOf('local').cert))
  expect(cert.subjectAltName).toBe('URI:ashlar://site/local, DNS:localhost, IP Address:127.0.0.1')
  expect(cert.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
  expect(cert.ca).toBe(false)
  expect(new Date(cert.validTo) > later(9.9)).toBe(true)
})

test('say where they cannot be written', async () => {
  await make()
  rmSync(pem('local.pem'))
  mkdirSync(`${pem('ca.pem')}.new/x`, { recursive: true })
  await expect(make()).rejects.toMatchObject({
    code: 'DEVICE_FAILED',
    message: expect.stringContaining('ca.pem.new'),
  })
})

test.skipIf(noSmallDisk() !== undefined)(
  'that a full disk has no room for leave the old ones, for the days they are good',
  async () => {
    const disk = SmallDisk.mount(folder, 'size=64k')
    try {
      await make()
      const before = contents()
      disk.fill()
      // Some of the new ones find room.
      truncateSync(join(folder, 'ballast'), statSync(join(folder, 'ballast')).size - 2 * 4096)
      await make(later(9.95))
      expect(contents()).toMatchObject(before)
      await expect(make(later(10.1))).rejects.toMatchObject({
        code: 'DEVICE_FAILED',
        message: expect.stringContaining(folder),
      })
      expect(contents()).toMatchObject(before)
    } finally {
      disk.unmount()
    }
  },
)

test('of a site are checked for their time', async () => {
  const filesOf = await make()
  const said = (at: Date) => {
    const lines: string[] = []
    const note = (_what: object, line: string) => void lines.push(line)
    const listening = { ...log, warn: note, error: note } as unknown as Logger
    siteCredentials({ name: 'local', tls: filesOf('local') }, listening, at)
    return lines.join('\n').replace(folder, '')
  }
  expect(said(now)).toBe('')
  expect(said(later(9.9))).toBe('')
  expect(said(later(9.95))).toMatch(/^certificate \/local.pem of site local expires on /)
  expect(said(later(10.1))).toMatch(/^certificate \/local.pem of site local expired on /)
  expect(said(later(-1))).toMatch(/^certificate \/local.pem of site local is valid from .* only$/)
})

test('are kept as long as they are good', async () => {
  await make()
  const before = contents()
  await make(later(9))
  expect(contents()).toEqual(before)
})

test.each<[what: string, damage: () => void, at: Date]>([
  ['a certificate is missing', () => rmSync(pem('local.pem')), now],
  ['a key is missing', () => rmSync(pem('local-1-a.key')), now],
  ['the authority is missing', () => rmSync(pem('ca.pem')), now],
  ['a file is empty', () => writeFileSync(pem('local.pem'), ''), now],
  [
    'a file is cut',
    () => writeFileSync(pem('ca.pem'), readFileSync(pem('ca.pem')).subarray(0, 300)),
    now,
  ],
  [
    'a key is of another',
    () => writeFileSync(pem('local.key'), readFileSync(pem('local-1-a.key'))),
    now,
  ],
  [
    'a certificate is of another',
    () => {
      for (const end of ['key', 'pem']) {
        writeFileSync(pem(`local.${end}`), readFileSync(pem(`local-1-a.${end}`)))
      }
    },
    now,
  ],
  ['they expire soon', () => undefined, later(9.95)],
  ['they have expired', () => undefined, later(11)],
  ['they are not valid yet', () => undefined, later(-1)],
])('are remade when %s', async (_what, damage, at) => {
  await make()
  const before = contents()
  damage()
  const filesOf = await make(at)
  const after = contents()
  for (const [name, text] of Object.entries(before)) expect(after[name]).not.toBe(text)
  for (const name of sites) {
    expect(() => siteCredentials({ name, tls: filesOf(name) }, log, at)).not.toThrow()
  }
  await make(at)
  expect(contents()).toEqual(after)
})
