// Addresses in the configuration. Without TLS, gRPC stays on this machine: loopback addresses and
// Unix sockets only. NBD may listen elsewhere, where the configuration says so.

import { AshlarError } from '../base/error.js'
import { quote } from '../base/ids.js'
import { limits } from '../base/limits.js'

export interface GrpcAddress {
  /** As grpc-js takes it: "127.0.0.1:7440" or "unix:/path". */
  readonly target: string
  /** Of a Unix socket. */
  readonly socketPath: string | undefined
}

/** Throws INVALID_ARGUMENT unless it is "unix:/path" or a host and a port. */
export function parseSiteAddress(text: string): GrpcAddress {
  if (text.startsWith('unix:')) {
    const socketPath = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    return { target: `unix:${checkSocketPath(socketPath)}`, socketPath }
  }
  const { host, port } = parseTcpAddress(text)
  return { target: joinHostPort(host, port), socketPath: undefined }
}

/** Throws INVALID_ARGUMENT unless it is "unix:/path" or a loopback host and a port. */
export function parseLocalAddress(text: string, instead: string): GrpcAddress {
  const address = parseSiteAddress(text)
  if (address.socketPath !== undefined || isLoopback(parseTcpAddress(text).host)) return address
  throw refused(`${quote(text)} is neither loopback nor a Unix socket; ${instead}`)
}

/** Throws INVALID_ARGUMENT unless it is "host:port" or "[v6]:port". */
export function parseTcpAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host !== undefined && port >= 1 && port <= 65535) return { host, port }
  throw refused(`${quote(text)} is not an address like 127.0.0.1:7440`)
}

export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

export function checkSocketPath(path: string): string {
  const bytes = Buffer.byteLength(path)
  if (!path.startsWith('/') || path.includes('\0'))
    throw refused(`${quote(path)} is not an absolute path`)
  if (bytes <= limits.socketPathBytesMax) return path
  throw refused(
    `${quote(path)} has ${bytes} bytes; a socket's path has at most ${limits.socketPathBytesMax}`,
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function refused(message: string): AshlarError {
  return new AshlarError('INVALID_ARGUMENT', message)
}
