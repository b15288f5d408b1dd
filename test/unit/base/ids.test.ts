import { describe, expect, test } from 'vitest'

import { formatCrn, parseCrn } from '../../../src/base/crn.js'
import { isId, makeId, parseId, parseRequestId, regionNumberOf } from '../../../src/base/ids.js'
import { isName, makeName, parseName } from '../../../src/base/names.js'
import { parseReference } from '../../../src/base/reference.js'

const uuid = '0f8fad5b-d9cb-469f-a165-70867728950e'
const id = makeId(1, () => uuid)

describe('ids', () => {
  test('print the region number with at least three digits', () => {
    expect(id).toBe(`r001-${uuid}`)
    expect(makeId(1234, () => uuid)).toBe(`r1234-${uuid}`)
    expect(makeId(0xffff_ffff, () => uuid)).toBe(`r4294967295-${uuid}`)
  })

  test('read back', () => {
    expect(regionNumberOf(parseId(`r1234-${uuid}`))).toBe(1234)
    expect(makeId(7)).toMatch(
      /^r007-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  })

  test.each([
    '',
    'r001-',
    uuid,
    `r1-${uuid}`,
    `r0001-${uuid}`,
    `r4294967296-${uuid}`,
    `R001-${uuid}`,
    `r001-${uuid.toUpperCase()}`,
    `r001-${uuid}0`,
    ` r001-${uuid}`,
    `r001-${uuid}\n`,
    `r001-${uuid.replaceAll('-', '')}`,
  ])('refuse %j', (text) => {
    expect(isId(text)).toBe(false)
    expect(() => parseId(text, 'volume')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'volume' }),
    )
  })

  test.each([-1, 1.5, 2 ** 32, Number.NaN])('refuse the region number %d', (number) => {
    expect(() => makeId(number)).toThrow(RangeError)
  })

  test('request ids are UUIDs in any case, or absent', () => {
    expect(parseRequestId(uuid.toUpperCase())).toBe(uuid)
    expect(parseRequestId('')).toBe('')
    expect(() => parseRequestId('again')).toThrow(expect.objectContaining({ field: 'request_id' }))
  })
})

describe('CRNs', () => {
  const crn = `crn:v1:ashlar:public:is:local-1:a/acme::volume:${id}`

  test('both ways', () => {
    const parsed = parseCrn(crn)
    expect(parsed).toEqual({ location: 'local-1', account: 'acme', type: 'volume', id })
    expect(formatCrn(parsed)).toBe(crn)
  })

  test.each([
    crn.replace('ashlar', 'bluemix'),
    crn.replace('v1', 'v2'),
    crn.replace('a/acme', 'acme'),
    crn.replace('a/acme', 'a/'),
    crn.replace('::', ':x:'),
    crn.replace('volume', 'image'),
    crn.replace(uuid, 'x'),
    `${crn}:x`,
    'crn:',
  ])('refuse %j', (text) => {
    expect(() => parseCrn(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })
})

describe('names', () => {
  test.each(['a', 'db', 'db-1', 'a--b', 'a'.repeat(63)])('allow %j', (text) => {
    expect(parseName(text)).toBe(text)
  })

  test.each(['', '1a', '-a', 'a-', 'A', 'a_b', 'a b', 'ä', 'a'.repeat(64), id, 'a\n'])(
    'refuse %j',
    (text) => {
      expect(() => parseName(text)).toThrow(expect.objectContaining({ field: 'name' }))
    },
  )

  test('picked ones follow the rule and differ', () => {
    const picked = new Set(Array.from({ length: 1000 }, () => makeName()))
    expect([...picked].every(isName)).toBe(true)
    expect(picked.size).toBeGreaterThan(990)
    expect(makeName(() => 0)).toBe('acorn-acorn-acorn-acorn')
  })
})

describe('references', () => {
  test('are an id, a CRN of the type, or a name', () => {
    const crn = formatCrn({ location: 'local', account: 'acme', type: 'snapshot', id })
    expect(parseReference(id, 'volume', 'volume')).toEqual({ kind: 'id', id })
    expect(parseReference('db', 'volume', 'volume')).toEqual({ kind: 'name', name: 'db' })
    expect(parseReference(crn, 'snapshot', 's')).toMatchObject({ kind: 'crn', crn: { id } })
    expect(() => parseReference(crn, 'volume', 'volume')).toThrow(/snapshot, not a volume/)
    expect(() => parseReference('', 'volume', 'volume')).toThrow(/required/)
    expect(() => parseReference('No Name', 'volume', 'volume')).toThrow(/neither/)
  })
})
