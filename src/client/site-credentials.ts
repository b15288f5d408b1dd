// How a site shows who it is to others and checks who they are. With TLS both sides need a
// certificate of the same authority that names the site; without it the connection itself (loopback
// or a Unix socket) is all there is, and nobody has a name.

import { createSecureContext } from 'node:tls'
import type { PeerCertificate, SecureContext, SecureContextOptions } from 'node:tls'

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
  /**
   * Connections made from now on, both ways, show and believe this; those there are stay. Throws, and
   * changes nothing, when key and certificate do not belong together. Nothing without TLS.
   */
  readonly renew: (identity: TlsIdentity) => void
}

export const plainCredentials: SiteCredentials = {
  channelTo: () => ({ credentials: credentials.createInsecure(), options: {} }),
  server: ServerCredentials.createInsecure(),
  renew: () => undefined,
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
export function tlsCredentials(identity: TlsIdentity): SiteCredentials {
  let secureContext = createSecureContext(contextOf(identity))
  const server = new MutualTls(contextOf(identity))
  return {
    channelTo: (peer) => ({
      credentials: new ToSite(peer, () => secureContext),
      // A name for the handshake, where an IP address is not allowed; identity is not decided by it.
      options: { 'grpc.ssl_target_name_override': peer },
    }),
    server,
    renew: (renewed) => {
      secureContext = createSecureContext(contextOf(renewed))
      server.renew(contextOf(renewed))
    },
  }
}

const contextOf = ({ ca, cert, key }: TlsIdentity): SecureContextOptions => ({
  ca,
  cert,
  key,
  minVersion: 'TLSv1.3',
})

function wrongSite(expected: string, certificate: PeerCertificate): Error | undefined {
  const found = siteNameOf(certificate)
  if (found === expected) return undefined
  const what = found === undefined ? 'names no site' : `is of site ${found}`
  return new Error(`site ${expected} is expected there, but its certificate ${what}`)
}

type ConnectorArguments = Parameters<ChannelCredentials['_createSecureConnector']>
type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>

// What ChannelCredentials.createFromSecureContext makes, with the context that is the right one at the
// time of each connection.
class ToSite extends ChannelCredentials {
  readonly #peer: string
  readonly #context: () => SecureContext

  constructor(peer: string, context: () => SecureContext) {
    super()
    this.#peer = peer
    this.#context = context
  }

  override _isSecure(): boolean {
    return true
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other
  }

  override _createSecureConnector(...given: ConnectorArguments): SecureConnector {
    const now = () => this.#credentials()._createSecureConnector(...given)
    const first = now()
    return {
      connect: async (socket) => await now().connect(socket),
      waitForReady: async () => await first.waitForReady(),
      getCallCredentials: () => first.getCallCredentials(),
      destroy: () => first.destroy(),
    }
  }

  #credentials(): ChannelCredentials {
    return ChannelCredentials.createFromSecureContext(this.#context(), {
      checkServerIdentity: (_host, certificate) => wrongSite(this.#peer, certificate),
      // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
      rejectUnauthorized: true,
    })
  }
}

// What ServerCredentials.createSsl makes, with the TLS version it does not let one choose.
class MutualTls extends ServerCredentials {
  constructor(context: SecureContextOptions) {
    super({ requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' }, context)
  }

  renew(context: SecureContextOptions): void {
    this.updateSecureContextOptions(context)
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}
