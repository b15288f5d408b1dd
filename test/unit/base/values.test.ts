import { describe, expect, test } from 'vitest'

import { formatBytes, parseBytes } from '../../../src/base/bytes.js'
import { checkCapacity } from '../../../src/base/capacity.js'
import { systemClock } from '../../../src/base/clock.js'
import { AshlarError, asAshlarError } from '../../../src/base/error.js'
import { parseHost } from '../../../src/base/host.js'
import { limits } from '../../../src/base/limits.js'
import { parseResourceGroup } from '../../../src/base/resource-group.js'
import { parseTags } from '../../../src/base/tags.js'
import {
  timestampFromMs,
  timestampFromNs,
  timestampToMs,
  timestampToNs,
} from '../../../src/base/timestamp.js'

const invalid = (field: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', field })

describe('bytes', () => {
  test.each([
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1 KiB'],
    [1536n, '1.5 KiB'],
    [1n << 30n, '1 GiB'],
    [(1n << 30n) - 1n, '1023.9 MiB'],
    [limits.volumeBytesMax, '64 TiB'],
    [1n << 60n, '1024 PiB'],
  ])('%d shows as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  test.each([
    ['4096', 4096n],
    ['64MiB', 64n << 20n],
    ['64 mib', 64n << 20n],
    ['10G', 10n << 30n],
    ['1t', 1n << 40n],
    ['7B', 7n],
    [' 2P ', 2n << 50n],
  ])('%j is %d', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes)
  })

  test.each(['', '-1', '1.5G', '10GB', '10kb', 'GiB', '1e6', '0x10', '1 G iB', '٣'])(
    'refuses %j',
    (text) => {
      expect(() => parseBytes(text)).toThrow(invalid('size'))
    },
  )
})

describe('capacities', () => {
  test('take both ends of the range', () => {
    expect(checkCapacity(1n << 20n)).toBe(1n << 20n)
    expect(checkCapacity(1n << 46n)).toBe(1n << 46n)
  })

  test.each([0n, -4096n, (1n << 20n) - 4096n, (1n << 46n) + 4096n, (1n << 20n) + 512n])(
    'refuse %d',
    (bytes) => {
      expect(() => checkCapacity(bytes)).toThrow(invalid('capacity_bytes'))
    },
  )
})

describe('tags', () => {
  test('are a sorted set', () => {
    expect(parseTags(['b', 'a', 'b', 'env:prod x'])).toEqual(['a', 'b', 'env:prod x'])
  })

  test.each([[['']], [[' a']], [['a ']], [['a,b']], [['a\n']], [['x'.repeat(129)]]])(
    'refuse %j',
    (tags) => {
      expect(() => parseTags(tags)).toThrow(invalid('user_tags'))
    },
  )

  test('are bounded in number', () => {
    const many = Array.from({ length: limits.tagsMax + 1 }, (_, index) => `t${index}`)
    expect(() => parseTags(many)).toThrow(invalid('user_tags'))
    expect(parseTags(many.slice(1))).toHaveLength(limits.tagsMax)
  })
})

test('hosts are printable and bounded', () => {
  expect(parseHost('web-1.example')).toBe('web-1.example')
  for (const text of ['', 'a b', 'ä', 'x'.repeat(65), 'a\n']) {
    expect(() => parseHost(text)).toThrow(invalid('host'))
  }
})

test('resource groups default', () => {
  expect(parseResourceGroup('')).toBe('default')
  expect(parseResourceGroup('0123abc')).toBe('0123abc')
  expect(() => parseResourceGroup('A')).toThrow(invalid('resource_group'))
})

describe('timestamps', () => {
  test.each([0n, 1n, -1n, 1_700_000_000_123_456_789n, -1_500_000_000n])('keep %d ns', (ns) => {
    const timestamp = timestampFromNs(ns)
    expect(timestamp.nanos).toBeGreaterThanOrEqual(0)
    expect(timestamp.nanos).toBeLessThan(1e9)
    expect(timestampToNs(timestamp)).toBe(ns)
  })

  test('keep milliseconds', () => {
    expect(timestampToMs(timestampFromMs(1_700_000_000_123))).toBe(1_700_000_000_123)
  })
})

describe('the clock', () => {
  test('stops waiting with the reason of the signal', async () => {
    const reason = new AshlarError('CANCELLED', 'enough')
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  })
})

describe('errors', () => {
  test('of the addon keep their code', () => {
    const thrown = Object.assign(new Error('no blocks left'), { code: 'NO_SPACE' })
    expect(asAshlarError(thrown)).toMatchObject({ code: 'NO_SPACE', cause: thrown })
  })

  test.each([new Error('x'), Object.assign(new Error('x'), { code: 'ENOENT' }), 'x', undefined])(
    'of anyone else are internal: %s',
    (thrown) => {
      expect(asAshlarError(thrown).code).toBe('INTERNAL')
    },
  )

  test('stay what they are', () => {
    const error = new AshlarError('CORRUPT', 'x')
    expect(asAshlarError(error)).toBe(error)
  })
})
