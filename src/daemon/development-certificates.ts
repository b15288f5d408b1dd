// Certificates of the default world: an authority of its own and one certificate for each site, EC
// P-256, in one folder. The authority's key is thrown away once it has signed, so there is no secret
// that could sign more; what is missing, damaged or soon to expire is remade as a whole.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { AshlarError, asAshlarError } from '../base/error.js'
import { siteNameOf } from '../client/site-name.js'
import type { TlsFiles } from './config.js'
import { makeFolder } from './folder.js'
import { dayMs, makeCertificates } from './make-certificates.js'

/** Remade when they would expire within this time. */
const renewDays = 30

/** The files of each of `sites`, valid at `now` and some time after. */
export async function developmentCertificates(
  folder: string,
  sites: readonly string[],
  now: Date,
): Promise<(site: string) => TlsFiles> {
  const filesOf = (site: string): TlsFiles => ({
    ca: join(folder, 'ca.pem'),
    cert: join(folder, `${site}.pem`),
    key: join(folder, `${site}.key`),
  })
  const areGood = (until: Date) => sites.every((site) => isGood(site, filesOf(site), now, until))
  if (areGood(new Date(now.getTime() + renewDays * dayMs))) return filesOf
  const made = await makeCertificates(sites, now)
  makeFolder(folder)
  try {
    const ofSites = made.sites.flatMap(({ site, cert, key }) => {
      const files = filesOf(site)
      return [[files.cert, cert] as const, [files.key, key] as const]
    })
    writeSecrets(new Map([[join(folder, 'ca.pem'), made.ca], ...ofSites]))
  } catch (thrown) {
    // On a full disk, for the days that are left.
    if (areGood(now)) return filesOf
    const { message } = asAshlarError(thrown)
    const problem = `cannot write certificates in ${folder}: ${message}`
    throw new AshlarError('DEVICE_FAILED', problem, { cause: thrown })
  }
  return filesOf
}

function isGood(site: string, files: TlsFiles, now: Date, until: Date): boolean {
  try {
    const ca = new X509Certificate(readFileSync(files.ca))
    const cert = new X509Certificate(readFileSync(files.cert))
    const key = createPrivateKey(readFileSync(files.key))
    return (
      siteNameOf({ subjectaltname: cert.subjectAltName ?? '' }) === site &&
      cert.verify(ca.publicKey) &&
      cert.checkPrivateKey(key) &&
      [ca, cert].every((one) => new Date(one.validFrom) <= now && until <= new Date(one.validTo))
    )
  } catch {
    return false
  }
}

// Names of their own first: a file is old, or new and whole, and what finds no room replaces none.
function writeSecrets(texts: ReadonlyMap<string, string>): void {
  const fresh = (path: string) => `${path}.new`
  // reversible: of no use to anybody before they have their names
  const dropFresh = () => [...texts.keys()].forEach((path) => rmSync(fresh(path), { force: true }))
  dropFresh()
  try {
    for (const [path, text] of texts) writeFileSync(fresh(path), text, { mode: 0o600, flag: 'wx' })
  } catch (thrown) {
    dropFresh()
    throw thrown
  }
  // reversible: certificates are made anew whenever they do not fit
  for (const path of texts.keys()) renameSync(fresh(path), path)
}
