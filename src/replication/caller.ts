// Who calls: the site that the certificate of the connection names. Messages say it too, for
// connections without TLS; where there is a certificate, they must agree.

import type { ServerUnaryCall } from '@grpc/grpc-js'

import { AshlarError } from '../base/error.js'
import { siteNameOf } from '../client/site-name.js'

/** A call that a gRPC server of ours received. */
export type ReceivedCall = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>

/**
 * The name in the caller's certificate; undefined on a connection without TLS. Throws
 * PERMISSION_DENIED when there is TLS and no name.
 */
export function callerOf(call: ReceivedCall): string | undefined {
  const { transportSecurityType, sslPeerCertificate } = call.getAuthContext()
  if (transportSecurityType === undefined) return undefined
  const name = sslPeerCertificate === undefined ? undefined : siteNameOf(sslPeerCertificate)
  if (name !== undefined) return name
  throw new AshlarError('PERMISSION_DENIED', "the caller's certificate names no site")
}

/** Who may call a server: with TLS this one site; undefined admits every site that has a certificate. */
export function admit(call: ReceivedCall, only: string | undefined): string | undefined {
  const caller = callerOf(call)
  if (caller === undefined || only === undefined || caller === only) return caller
  throw new AshlarError('PERMISSION_DENIED', `only site ${only} may call this, not site ${caller}`)
}

/** Throws PERMISSION_DENIED when a message names another site than the certificate does. */
export function requireCaller(caller: string | undefined, said: string, field: string): void {
  if (caller === undefined || caller === said) return
  throw new AshlarError(
    'PERMISSION_DENIED',
    `the caller's certificate is of site ${caller}, and its message says ${JSON.stringify(said)}`,
    { field },
  )
}
