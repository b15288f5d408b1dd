// What the log says of a disk that is full.

import { beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../src/base/clock.js'
import { AshlarError } from '../../../src/base/error.js'
import { type Logger, makeLogger } from '../../../src/base/logger.js'

let now = 0
let lines: string[]
let log: Logger
beforeEach(() => {
  lines = []
  const clock = { ...systemClock, monotonicMs: () => now }
  log = makeLogger({ name: 'test', clock, write: (line) => void lines.push(line) })
})

const full = (path: string) => new AshlarError('NO_SPACE', `no space is left in ${path}`)
const messages = () => lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg)

test('one line per cause and minute, whoever says it', () => {
  for (let turn = 0; turn < 100; turn++) {
    log.error({ err: full('/a'), path: String(turn) }, 'a call failed')
    log.child({ region: 'local' }).warn({ err: full('/a') }, 'a step failed')
    log.error({ err: full(`/b: the disk has ${turn} bytes left`) }, 'another')
  }
  expect(messages()).toEqual(['a call failed', 'another'])
  now += 59_999
  log.error({ err: full('/a') }, 'too early')
  now += 1
  log.error({ err: full('/a') }, 'a minute later')
  log.error({ err: full('/a') }, 'at once again')
  expect(messages().slice(2)).toEqual(['a minute later'])
})

test('everything else is said each time', () => {
  for (let turn = 0; turn < 3; turn++) {
    log.error({ err: new AshlarError('CORRUPT', 'it is damaged') }, 'a call failed')
    log.warn('no error')
  }
  expect(lines).toHaveLength(6)
})

test('a cause that was pushed out by many others is said again', () => {
  log.error({ err: full('/first') }, 'first')
  for (let turn = 0; turn < 100; turn++) log.error({ err: full(`/${turn}`) }, 'other')
  log.error({ err: full('/first') }, 'again')
  expect(messages().at(-1)).toBe('again')
  expect(lines).toHaveLength(102)
})
