// Capacities of volumes.

import { formatBytes } from './bytes.js'
import { invalidArgument } from './error.js'
import { limits } from './limits.js'

/** Throws INVALID_ARGUMENT naming `field` unless a multiple of 4,096 from 1 MiB to 64 TiB. */
export function checkCapacity(bytes: bigint, field = 'capacity_bytes'): bigint {
  if (bytes < limits.volumeBytesMin || bytes > limits.volumeBytesMax) {
    throw invalidArgument(
      field,
      `a capacity of ${bytes} bytes is not within ${formatBytes(limits.volumeBytesMin)} ` +
        `to ${formatBytes(limits.volumeBytesMax)}`,
    )
  }
  if (bytes % limits.blockBytes !== 0n) {
    throw invalidArgument(
      field,
      `a capacity of ${bytes} bytes is not a multiple of ${limits.blockBytes}`,
    )
  }
  return bytes
}
