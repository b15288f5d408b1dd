// Resource groups: opaque labels an outer control plane gives at creation; they never change.

import { invalidArgument } from './error.js'
import { quote } from './ids.js'
import { defaultResourceGroup, limits } from './limits.js'

/** Empty is the default group. Throws INVALID_ARGUMENT naming `field` when the text breaks the rule. */
export function parseResourceGroup(text: string, field = 'resource_group'): string {
  if (text === '') return defaultResourceGroup
  if (text.length <= limits.resourceGroupLengthMax && /^[a-z0-9_-]+$/.test(text)) return text
  throw invalidArgument(
    field,
    `${quote(text)} is not a resource group (1 to ${limits.resourceGroupLengthMax} of a-z, 0-9, "-", "_")`,
  )
}
