// X.509 certificates, EC P-256, of an authority that exists only for this one call.

import { webcrypto } from 'node:crypto'

import { siteUri } from '../client/site-name.js'

export const dayMs = 24 * 3600 * 1000
const validDays = 3650

/** PEM. */
export interface Made {
  readonly ca: string
  readonly sites: readonly { readonly site: string; readonly cert: string; readonly key: string }[]
}

/** An authority and a certificate for each site, valid from a day before `now` for ten years. */
export async function makeCertificates(sites: readonly string[], now: Date): Promise<Made> {
  // Loaded only here: a start that makes none should not pay for it.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const newKeys = async () =>
    await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const validity = {
    // A clock that was set back a little must not invalidate them.
    notBefore: new Date(now.getTime() - dayMs),
    notAfter: new Date(now.getTime() + validDays * dayMs),
  }
  const caKeys = await newKeys()
  const caName = 'CN=Ashlar development authority'
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: caName,
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  })
  const certify = async (site: string) => {
    const { publicKey, privateKey } = await newKeys()
    const { serverAuth, clientAuth } = x509.ExtendedKeyUsage
    const cert = await x509.X509CertificateGenerator.create({
      ...validity,
      subject: `CN=${site}`,
      issuer: caName,
      publicKey,
      signingKey: caKeys.privateKey,
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
        await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      ],
    })
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString(
      'base64',
    )
    return {
      site,
      cert: pemOf('CERTIFICATE', cert.toString('base64')),
      key: pemOf('PRIVATE KEY', key),
    }
  }
  return {
    ca: pemOf('CERTIFICATE', ca.toString('base64')),
    sites: await Promise.all(sites.map(certify)),
  }
}

function pemOf(label: string, base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
