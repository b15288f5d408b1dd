// The seam under strain, in processes of its own that can die: what peers send and how environments end
// never ends the process.

import { join } from 'node:path'
import { expect, test } from 'vitest'

import { must } from '../support/tools.js'

const strain = async (...args: readonly string[]): Promise<unknown> => {
  const program = join(import.meta.dirname, '..', 'support', 'addon-strain.mjs')
  return JSON.parse(await must(process.execPath, ['--expose-gc', program, ...args]))
}
const scale = Number(process.env['ASHLAR_TEST_SCALE'] ?? 1)
const times = Math.ceil(8 * scale)

test('frames that are none, 64 at a time: each is refused, and the process lives', async () => {
  const { rejected } = (await strain('failing-give', `${5 * scale}`, '64')) as { rejected: number }
  expect(rejected).toBeGreaterThan(64)
}, 120_000)

test('an environment ends with calls of every kind under way: all of it is closed', async () => {
  expect(await strain('ended-worlds', `${times}`)).toEqual({ ended: times })
}, 120_000)
