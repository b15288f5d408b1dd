// Every method has tests for success, for being repeated, for a restart in the middle, and for each
// error that its comment documents: the tables that test/e2e/methods.test.ts, internal-methods.test.ts
// and test/unit/engine/node-refusals.test.ts run are held against proto/ here.

import { describe, expect, test } from 'vitest'

import { services as definitions } from '../../src/gen/proto.js'
import { changes } from '../support/methods/changes.js'
import { copyRefusals, copyUses } from '../support/methods/copy-methods.js'
import { commentsOf, reasonsIn, textOf } from '../support/methods/documented.js'
import { nodeRefusals } from '../support/methods/node-refusals.js'
import { others } from '../support/methods/others.js'
import {
  nodePullRefusals,
  nodePullUses,
  regionPullRefusals,
  regionPullUses,
} from '../support/methods/pull-methods.js'
import { refusals } from '../support/methods/refusals.js'
import { type Use, methodOf } from '../support/methods/trial.js'
import { zoneRefusals, zoneUses } from '../support/methods/zone-methods.js'

/** The services of a package, and the tables that their tests run. */
interface Tested {
  readonly services: RegExp
  readonly uses: readonly Pick<Use, 'name'>[]
  readonly refusals: readonly Readonly<Record<string, object>>[]
}
const packages: readonly (readonly [folder: string, tested: Tested])[] = [
  [
    'ashlar/v1',
    {
      services: /^ashlar\.v1\.\w+Service$/,
      uses: [...changes, ...others],
      refusals: [refusals, nodeRefusals],
    },
  ],
  [
    'ashlar/zone/v1',
    { services: /^ashlar\.zone\.v1\.ZoneService$/, uses: zoneUses, refusals: [zoneRefusals] },
  ],
  [
    'ashlar/replication/v1',
    {
      services: /^ashlar\.replication\.v1\.\w+Service$/,
      uses: [...copyUses, ...regionPullUses, ...nodePullUses],
      refusals: [copyRefusals, regionPullRefusals, nodePullRefusals],
    },
  ],
]

describe.each(packages)('%s', (folder, { services, uses, refusals: tables }) => {
  const comments = commentsOf(textOf(folder))
  const methods = Object.entries(definitions)
    .filter(([name]) => services.test(name))
    .flatMap(([, service]) => Object.keys(service))
    .sort()

  test('the comments are those of every method', () => {
    expect(methods.length).toBeGreaterThan(2)
    expect([...comments.keys()].sort()).toEqual(methods)
  })

  test('every method has a use, which succeeds, is repeated, and is met by a restart', () => {
    expect([...new Set(uses.map(methodOf))].sort()).toEqual(methods)
  })

  test.each(methods)('%s: every documented error has a test, and the other way round', (method) => {
    const tested = new Set(tables.map((table) => table[method] ?? {}).flatMap(Object.keys))
    expect([...tested].sort()).toEqual([...reasonsIn(comments.get(method) ?? '')].sort())
  })

  test('nothing is refused that is no method', () => {
    for (const method of tables.flatMap(Object.keys)) expect(methods).toContain(method)
  })
})

test.each([
  ['Errors: NOT_FOUND.', 'stands without'],
  ['Errors: NOT_FOUND (there is no such volume).', 'not a reason'],
  ['Errors: NOT_FOUND (volume_in_use).', 'not a reason of NOT_FOUND'],
  ['Errors: ABORTED (etag_mismatch, no_such_reason: why).', 'no_such_reason'],
])('a comment that says "%s" is refused', (comment, problem) => {
  expect(() => reasonsIn(comment)).toThrow(problem)
})

test('reasons are found', () => {
  const comment =
    'Makes it. Errors: NOT_FOUND (volume_not_found; zone_not_found: why, or UNAVAILABLE), and ABORTED (etag_mismatch).'
  expect(() => reasonsIn(comment)).not.toThrow()
  expect(reasonsIn(comment)).toEqual(['volume_not_found', 'zone_not_found', 'etag_mismatch'])
})
