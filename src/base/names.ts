// Names: the user's labels of volumes and snapshots, and names of zones and regions. A name is never
// an id or a CRN, so a request's reference always means one of the three.

import { randomInt } from 'node:crypto'

import { invalidArgument } from './error.js'
import { isId, quote } from './ids.js'
import { limits } from './limits.js'

const pattern = /^[a-z](?:[-a-z0-9]*[a-z0-9])?$/

export const nameRule =
  `1 to ${limits.nameLengthMax} characters: a lower-case letter, then lower-case letters, digits ` +
  'and hyphens, not ending in a hyphen, and not the form of an id'

export function isName(text: string): boolean {
  return text.length <= limits.nameLengthMax && pattern.test(text) && !isId(text)
}

/** Throws INVALID_ARGUMENT naming `field` when the text breaks the rule. */
export function parseName(text: string, field = 'name'): string {
  if (isName(text)) return text
  throw invalidArgument(field, `${quote(text)} is not a name (${nameRule})`)
}

/**
 * A name for an object whose creator gave none: four words, 2^26 combinations. The caller tries
 * again when it is taken.
 */
export function makeName(random: (bound: number) => number = randomInt): string {
  return Array.from({ length: 4 }, () => words[random(words.length)] ?? 'stone').join('-')
}

/** For an object whose name is another's by now. Requires: a name. */
export function suffixedName(name: string, id: string): string {
  const suffix = `-${id.slice(-12)}`
  return name.slice(0, limits.nameLengthMax - suffix.length).replace(/-+$/, '') + suffix
}

const words = (
  'acorn alder amber anchor apple arbor aspen autumn basalt beacon birch bramble breeze bridge ' +
  'bronze brook candle canyon cedar chalk cherry cinder clover cobalt copper coral crater crystal ' +
  'dahlia dapple delta dune eagle ember falcon fennel fern flint forest garnet ginger glacier ' +
  'granite grove harbor hazel heron hollow indigo island ivory jasper juniper kestrel lagoon ' +
  'lantern larch laurel linden lotus maple marble marsh meadow mellow mosaic mulberry nectar ' +
  'nettle oasis obsidian ocean olive opal orchard otter pebble pepper pine plover poplar prairie ' +
  'quarry quartz quiet raven reef ridge river robin rowan saffron sage sandstone sequoia shale'
).split(' ')
