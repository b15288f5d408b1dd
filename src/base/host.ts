// Names of hosts that attach volumes: chosen by the control plane, stored in 64 bytes in the pool.

import { invalidArgument } from './error.js'
import { quote } from './ids.js'
import { limits } from './limits.js'

/** Throws INVALID_ARGUMENT naming `field` when the text breaks the rule. */
export function parseHost(text: string, field = 'host'): string {
  if (text.length <= limits.hostLengthMax && /^[!-~]+$/.test(text)) return text
  throw invalidArgument(
    field,
    `${quote(text)} is not a host name (1 to ${limits.hostLengthMax} printable ASCII characters, no spaces)`,
  )
}
