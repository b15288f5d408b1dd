// Certificates for tests, made as the default world makes its own.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { TlsIdentity } from '../../src/client/site-credentials.js'
import { makeCertificates } from '../../src/daemon/make-certificates.js'

/** An authority and its sites, by name. */
export async function identities(
  sites: readonly string[],
  now = new Date(),
): Promise<ReadonlyMap<string, TlsIdentity>> {
  const made = await makeCertificates(sites, now)
  return new Map(
    made.sites.map(({ site, cert, key }) => [
      site,
      { ca: Buffer.from(made.ca), cert: Buffer.from(cert), key: Buffer.from(key) },
    ]),
  )
}

/** `ca.pem`, and `<site>.pem` and `<site>.key` for each site. */
export async function writeCertificates(folder: string, sites: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true })
  for (const [site, identity] of await identities(sites)) writeIdentity(folder, site, identity)
}

export function writeIdentity(folder: string, site: string, { ca, cert, key }: TlsIdentity): void {
  writeFileSync(join(folder, 'ca.pem'), ca)
  writeFileSync(join(folder, `${site}.pem`), cert)
  writeFileSync(join(folder, `${site}.key`), key)
}

export function readIdentity(folder: string, site: string): TlsIdentity {
  return {
    ca: readFileSync(join(folder, 'ca.pem')),
    cert: readFileSync(join(folder, `${site}.pem`)),
    key: readFileSync(join(folder, `${site}.key`)),
  }
}
