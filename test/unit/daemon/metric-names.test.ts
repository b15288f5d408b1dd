// The dashboard and the documentation name metrics that exist, and the dashboard all of ours.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'

import { Metrics } from '../../../src/daemon/metrics/metrics.js'
import { declaredNames } from '../../support/prometheus.js'

const root = resolve(import.meta.dirname, '..', '..', '..')

// Families are declared whether they have rows or not.
const declared = async () =>
  declaredNames(
    await new Metrics({ memory: () => undefined, log: pino({ level: 'silent' }) }).scrape(),
  )

/** Every metric that a text names, without what a histogram adds. */
const namesIn = (text: string): readonly string[] => [
  ...new Set(
    [...text.matchAll(/\b(?:ashlar|nodejs|process)_[a-z0-9_]+\b/g)].map(([name]) =>
      name.replace(/_(?:bucket|sum|count)$/, ''),
    ),
  ),
]

test('the dashboard names metrics that exist, and all of ours', async () => {
  const names = await declared()
  const file = join(root, 'packaging', 'grafana-dashboard.json')
  const dashboard = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[]
    readonly templating: { readonly list: readonly { readonly query: string }[] }
  }
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map((t) => t.expr))
  const queries = dashboard.templating.list.map(({ query }) => query)
  const named = namesIn([...expressions, ...queries].join('\n'))
  expect(named.filter((name) => !names.has(name))).toEqual([])
  const ours = [...names].filter((name) => name.startsWith('ashlar_'))
  expect(ours.filter((name) => !named.includes(name))).toEqual([])
})

test('so does the documentation', async () => {
  const names = await declared()
  const text = readFileSync(join(root, 'docs', 'operations.md'), 'utf8')
  const named = namesIn(text)
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !names.has(name))).toEqual([])
})
