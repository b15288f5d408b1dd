// User tags: free labels of volumes and snapshots, a set without order.

import { invalidArgument } from './error.js'
import { quote } from './ids.js'
import { limits } from './limits.js'

const pattern = /^[A-Za-z0-9_.:-](?:[A-Za-z0-9_.: -]*[A-Za-z0-9_.:-])?$/

/** Throws INVALID_ARGUMENT naming `field`. Ensures: at most `limits.tagsMax`, sorted, all different. */
export function parseTags(tags: readonly string[], field = 'user_tags'): readonly string[] {
  const different = [...new Set(tags)].sort()
  if (different.length > limits.tagsMax) {
    throw invalidArgument(field, `${different.length} tags are more than ${limits.tagsMax}`)
  }
  const bad = different.find((tag) => tag.length > limits.tagLengthMax || !pattern.test(tag))
  if (bad === undefined) return different
  throw invalidArgument(
    field,
    `${quote(bad)} is not a tag (1 to ${limits.tagLengthMax} letters, digits, "_", "-", ".", ":" ` +
      'and spaces, no space at either end)',
  )
}
