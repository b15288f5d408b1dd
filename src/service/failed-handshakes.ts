// Why a TLS handshake failed. A caller that is refused is only cut off, so this side must tell.
// grpc-js does not pass it on: the servers inside are asked.

import type { Http2SecureServer } from 'node:http2'
import type { TLSSocket } from 'node:tls'

import type { Server } from '@grpc/grpc-js'

import { systemClock } from '../base/clock.js'
import type { Logger } from '../base/logger.js'

/** Private in grpc-js 1.14; a test sees to it that failures are still logged. */
interface Internals {
  readonly http2Servers?: ReadonlyMap<Http2SecureServer, unknown>
}

/** A peer that is refused tries again every second; a reason is logged once in so long. */
const repeatMs = 60_000
/** Reasons remembered. There are not many; a caller that makes up more only makes more lines. */
const reasonsMax = 32

/** For a server that listens. */
export function logFailedHandshakes(server: Server, target: string, log: Logger): void {
  const loggedMs = new Map<string, number>()
  const failed = (error: Error, socket: TLSSocket) => {
    const reason = reasonOf(error, socket)
    const nowMs = systemClock.monotonicMs()
    const before = loggedMs.get(reason)
    if (before !== undefined && nowMs - before < repeatMs) return
    if (loggedMs.size >= reasonsMax) loggedMs.clear()
    loggedMs.set(reason, nowMs)
    log.warn({ reason, target }, `a TLS handshake at ${target} failed: ${reason}`)
  }
  const { http2Servers } = server as unknown as Internals
  for (const inner of http2Servers?.keys() ?? []) inner.on('tlsClientError', failed)
}

// What Node itself refuses has its reason at the socket ("CERT_HAS_EXPIRED", whatever the typings
// say); what OpenSSL refuses has it in the error.
function reasonOf(error: Error, socket: TLSSocket): string {
  const verdict: unknown = socket.authorizationError
  if (typeof verdict === 'string') return `the certificate of the caller is refused, ${verdict}`
  if ('reason' in error && typeof error.reason === 'string') return error.reason
  return error.message
}
