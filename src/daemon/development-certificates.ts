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
  const until = new Date(now.getTime() + renewDays * dayMs)
  if (sites.every((site) => isGood(site, filesOf(site), now, until))) return filesOf
  const made = await makeCertificates(sites, now)
  makeFolder(folder)
  try {
    writeSecret(join(folder, 'ca.pem'), made.ca)
    for (const { site, cert, key } of made.sites) {
      const files = filesOf(site)
      writeSecret(files.cert, cert)
      writeSecret(files.key, key)
    }
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    const problem = `cannot write certificates: ${message}`
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

// A name of its own first: a file is old, or new and whole.
function writeSecret(path: string, text: string): void {
  const fresh = `${path}.new`
  // reversible: of no use to anybody before it has its name
  rmSync(fresh, { force: true })
  writeFileSync(fresh, text, { mode: 0o600, flag: 'wx' })
  // reversible: certificates are made anew whenever they do not fit
  renameSync(fresh, path)
}
