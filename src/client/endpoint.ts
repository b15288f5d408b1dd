// Addresses of gRPC servers: "host:port", "[v6]:port" or "unix:/path".

import { invalidArgument } from '../base/error.js'
import { quote } from '../base/ids.js'

export const defaultEndpoint = '127.0.0.1:7440'

/** The address of the region: `ASHLAR_ENDPOINT`, or the default world's. */
export function endpointFromEnv(env: Readonly<Record<string, string | undefined>>): string {
  return env['ASHLAR_ENDPOINT'] || defaultEndpoint
}

/** The target as grpc-js takes it. Throws INVALID_ARGUMENT when the text is none of the three forms. */
export function parseEndpoint(text: string): string {
  if (/^unix:(\/\/)?\/[^\0]+$/.test(text)) return text
  const port = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(text)?.[1]
  if (port !== undefined && Number(port) >= 1 && Number(port) <= 65535) return text
  throw invalidArgument(
    'endpoint',
    `${quote(text)} is not an address like 127.0.0.1:7440 or unix:/path`,
  )
}
