// X.509 certificates, EC P-256, of an authority that exists only for this one call.

import { webcrypto } from 'node:crypto'

import type * as x509Module from '@peculiar/x509'

import { siteUri } from '../client/site-name.js'

type X509 = typeof x509Module

export const dayMs = 24 * 3600 * 1000
const validDays = 3650
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const authorityName = 'CN=Ashlar development authority'

/** PEM. */
export interface Made {
  readonly ca: string
  readonly sites: readonly MadeSite[]
}

interface MadeSite {
  readonly site: string
  readonly cert: string
  readonly key: string
}

/** An authority and a certificate for each site, valid from a day before `now` for ten years. */
export async function makeCertificates(sites: readonly string[], now: Date): Promise<Made> {
  // Loaded only here: a start that makes none should not pay for it.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const validity = {
    // A clock that was set back a little must not invalidate them.
    notBefore: new Date(now.getTime() - dayMs),
    notAfter: new Date(now.getTime() + validDays * dayMs),
  }
  const keys = await newKeys()
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: authorityName,
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const made = sites.map(async (site) => await certify(x509, site, keys, validity))
  return { ca: pem('CERTIFICATE', ca.rawData), sites: await Promise.all(made) }
}

async function certify(
  x509: X509,
  site: string,
  authority: webcrypto.CryptoKeyPair,
  validity: { readonly notBefore: Date; readonly notAfter: Date },
): Promise<MadeSite> {
  const { publicKey, privateKey } = await newKeys()
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
  const cert = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: `CN=${site}`,
    issuer: authorityName,
    publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'url', value: siteUri(site) },
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', privateKey)
  return { site, cert: pem('CERTIFICATE', cert.rawData), key: pem('PRIVATE KEY', key) }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
