// How a site shows who it is to others and checks who they are. With TLS both sides need a
// certificate of the same authority that names the site; without it the connection itself (loopback
// or a Unix socket) is all there is, and nobody has a name.

import { createSecureContext } from 'node:tls'
import type { PeerCertificate, SecureContextOptions } from 'node:tls'

import {
  type ChannelOptions,
  ChannelCredentials,
  ServerCredentials,
  credentials,
} from '@grpc/grpc-js'

import { siteNameOf } from './site-name.js'

/** What `new Client(address, credentials, options)` of grpc-js takes to reach one site. */
export interface SiteChannel {
  readonly credentials: ChannelCredentials
  readonly options: ChannelOptions
}

export interface SiteCredentials {
  /** Connections to `peer`, and to no other site. */
  channelTo(peer: string): SiteChannel
  /** For a listener that only sites may reach. */
  readonly server: ServerCredentials
}

export const plainCredentials: SiteCredentials = {
  channelTo: () => ({ credentials: credentials.createInsecure(), options: {} }),
  server: ServerCredentials.createInsecure(),
}

/** PEM. */
export interface TlsIdentity {
  /** Authorities whose certificates are believed. */
  readonly ca: Buffer
  /** This site's, followed by intermediate ones if any. */
  readonly cert: Buffer
  readonly key: Buffer
}

/** Throws when key and certificate do not belong together. */
export function tlsCredentials({ ca, cert, key }: TlsIdentity): SiteCredentials {
  const context: SecureContextOptions = { ca, cert, key, minVersion: 'TLSv1.3' }
  const secureContext = createSecureContext(context)
  return {
    channelTo: (peer) => ({
      credentials: ChannelCredentials.createFromSecureContext(secureContext, {
        checkServerIdentity: (_host, certificate) => wrongSite(peer, certificate),
        // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
        rejectUnauthorized: true,
      }),
      // A name for the handshake, where an IP address is not allowed; identity is not decided by it.
      options: { 'grpc.ssl_target_name_override': peer },
    }),
    server: new MutualTls(context),
  }
}

function wrongSite(expected: string, certificate: PeerCertificate): Error | undefined {
  const found = siteNameOf(certificate)
  if (found === expected) return undefined
  const what = found === undefined ? 'names no site' : `is of site ${found}`
  return new Error(`site ${expected} is expected there, but its certificate ${what}`)
}

// What ServerCredentials.createSsl makes, with the TLS version it does not let one choose.
class MutualTls extends ServerCredentials {
  constructor(context: SecureContextOptions) {
    super({ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, context)
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}
