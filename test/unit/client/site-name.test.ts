// Names of sites as Node writes a certificate's alternative names.

import { expect, test } from 'vitest'

import { siteNameOf, siteUri } from '../../../src/client/site-name.js'

const nameIn = (subjectaltname: string | undefined) =>
  siteNameOf(subjectaltname === undefined ? {} : { subjectaltname })

test.each([
  ['URI:ashlar://site/local', 'local'],
  ['DNS:localhost, URI:ashlar://site/local-1-a, IP Address:127.0.0.1', 'local-1-a'],
  ['URI:https://example.com/x, URI:ashlar://site/a', 'a'],
  ['DNS:"a, URI:ashlar://site/b", URI:ashlar://site/c', 'c'],
  ['DNS:"say \\"x, URI:ashlar://site/b", URI:ashlar://site/c', 'c'],
])('%s names %s', (text, name) => {
  expect(nameIn(text)).toBe(name)
})

test.each([
  [undefined],
  [''],
  ['DNS:local'],
  ['DNS:ashlar://site/local'],
  ['URI:ashlar://site/'],
  ['URI:ashlar://site/Local'],
  ['URI:ashlar://site/local/x'],
  ['URI:ashlar://site/local?x'],
  ['URI:ASHLAR://site/local'],
  ['URI:x-ashlar://site/local'],
  ['URI:ashlar://site/a, URI:ashlar://site/b'],
  ['URI:ashlar://site/a, URI:ashlar://site/a'],
  ['DNS:"x, URI:ashlar://site/b"'],
  ['DNS:"x", URI:ashlar://site/b", DNS:x'],
  ['URI:ashlar://site/a, "'],
  ['URI:"ashlar://site/a'],
])('%s names nobody', (text) => {
  expect(nameIn(text)).toBeUndefined()
})

test('the URI of a name names it', () => {
  expect(nameIn(`URI:${siteUri('local-1-a')}`)).toBe('local-1-a')
})
