// The files of a site's `tls`, checked when the daemon starts and when it is told to read them again:
// what is wrong with one is said then, and not guessed from handshakes that fail.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'

import { AshlarError, asAshlarError } from '../base/error.js'
import type { Logger } from '../base/logger.js'
import {
  type SiteCredentials,
  type TlsIdentity,
  plainCredentials,
  tlsCredentials,
} from '../client/site-credentials.js'
import { siteNameOf, siteUri } from '../client/site-name.js'
import type { TlsFiles } from './config.js'

export interface NamedFiles {
  /** Of the site. */
  readonly name: string
  readonly tls: TlsFiles | undefined
}

/**
 * Throws INVALID_ARGUMENT naming site and file. A certificate that is out of date is only logged:
 * other sites will refuse it, but this one must go on serving its hosts.
 */
export function siteCredentials(site: NamedFiles, log: Logger, now: Date): SiteCredentials {
  const { name, tls } = site
  if (tls === undefined) return plainCredentials
  return withTls(name, tls, () => tlsCredentials(readIdentity(name, tls, log, now)))
}

/** Reads the files again. Throws as `siteCredentials`, and then the credentials are what they were. */
export function renewCredentials(
  credentials: SiteCredentials,
  { name, tls }: NamedFiles,
  log: Logger,
  now: Date,
): void {
  if (tls === undefined) return
  withTls(name, tls, () => credentials.renew(readIdentity(name, tls, log, now)))
}

function withTls<T>(name: string, tls: TlsFiles, take: () => T): T {
  try {
    return take()
  } catch (thrown) {
    if (thrown instanceof AshlarError) throw thrown
    const { message } = asAshlarError(thrown)
    throw wrong(name, `TLS does not take ${tls.cert} with ${tls.key}: ${message}`, thrown)
  }
}

function readIdentity(name: string, tls: TlsFiles, log: Logger, now: Date): TlsIdentity {
  const [ca, cert, key] = [read(name, tls.ca), read(name, tls.cert), read(name, tls.key)]
  const authorities = certificatesIn(name, tls.ca, ca)
  const [own, ...intermediate] = certificatesIn(name, tls.cert, cert)
  requireName(name, tls, own)
  requireAuthority(name, tls, intermediate.at(-1) ?? own, authorities)
  requireKey(name, tls, own, key)
  logValidity(name, tls, own, log, now)
  return { ca, cert, key }
}

/** Warned of so long before. */
const soonMs = 30 * 24 * 3600 * 1000

function logValidity(
  site: string,
  { cert }: TlsFiles,
  { validFrom, validTo }: X509Certificate,
  log: Logger,
  now: Date,
): void {
  const what = `certificate ${cert} of site ${site}`
  const leftMs = new Date(validTo).getTime() - now.getTime()
  if (leftMs < 0) log.error({ cert }, `${what} expired on ${validTo}`)
  else if (now < new Date(validFrom)) log.error({ cert }, `${what} is valid from ${validFrom} only`)
  else if (leftMs < soonMs) log.warn({ cert }, `${what} expires on ${validTo}`)
}

function read(site: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (thrown) {
    throw wrong(site, `cannot read ${path}: ${asAshlarError(thrown).message}`, thrown)
  }
}

const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

type Certificates = readonly [X509Certificate, ...X509Certificate[]]

function certificatesIn(site: string, path: string, text: Buffer): Certificates {
  const [first, ...others] = text.toString('latin1').match(pem) ?? []
  if (first === undefined) throw wrong(site, `${path} has no certificate in PEM`)
  try {
    return [new X509Certificate(first), ...others.map((one) => new X509Certificate(one))]
  } catch (thrown) {
    throw wrong(site, `${path} has a certificate that cannot be read`, thrown)
  }
}

function requireName(site: string, tls: TlsFiles, own: X509Certificate): void {
  const found = siteNameOf({ subjectaltname: own.subjectAltName ?? '' })
  if (found === site) return
  const what = found === undefined ? 'names no site' : `is of site ${found}`
  throw wrong(site, `${tls.cert} ${what}; it needs the one alternative name URI:${siteUri(site)}`)
}

/** `top`: the last one of the chain that the file gives. */
function requireAuthority(
  site: string,
  tls: TlsFiles,
  top: X509Certificate,
  authorities: Certificates,
): void {
  const known = authorities.some(
    (one) => one.ca && (one.fingerprint256 === top.fingerprint256 || top.verify(one.publicKey)),
  )
  if (!known) throw wrong(site, `${tls.cert} was not signed by an authority in ${tls.ca}`)
}

function requireKey(site: string, tls: TlsFiles, own: X509Certificate, text: Buffer): void {
  let key
  try {
    key = createPrivateKey(text)
  } catch (thrown) {
    throw wrong(site, `${tls.key} has no private key in PEM without a password`, thrown)
  }
  if (!own.checkPrivateKey(key)) throw wrong(site, `${tls.key} is not the key of ${tls.cert}`)
}

function wrong(site: string, problem: string, cause?: unknown): AshlarError {
  return new AshlarError('INVALID_ARGUMENT', `tls of site ${site}: ${problem}`, { cause })
}
