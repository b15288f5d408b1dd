import { expect, test } from 'vitest'

import { CountedCauses } from '../../../src/base/counted-causes.js'

test('each cause is said at once, then once a minute while it goes on, with how often it was', () => {
  let ms = 0
  const clock = { nowNs: () => 0n, monotonicMs: () => ms, sleep: () => Promise.resolve() }
  const causes = new CountedCauses(clock)
  const said: string[] = []
  const report = (what: string, count: number) =>
    causes.report(what, count, (news) => said.push(`${what} ${news}`))
  report('full', 0)
  expect(said).toEqual([])
  report('full', 3)
  report('silent', 1)
  report('full', 4)
  expect(said).toEqual(['full 3', 'silent 1'])
  ms = 59_999
  report('full', 9)
  expect(said).toHaveLength(2)
  ms = 60_000
  report('full', 9)
  report('silent', 1)
  expect(said).toEqual(['full 3', 'silent 1', 'full 6'])
})
