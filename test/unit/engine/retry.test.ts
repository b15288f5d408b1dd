// Which errors are worth another attempt.

import { expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { Attempts, retryTable } from '../../../src/engine/retry.js'
import { errorTable } from '../../../src/gen/errors.js'

test('every error has its row', () => {
  expect(Object.keys(retryTable)).toEqual(Object.keys(errorTable))
})

test('what is away, busy or stopping heals by itself', () => {
  const soon = Object.entries(retryTable).filter(([, retry]) => retry === 'soon')
  expect(soon.map(([code]) => code)).toEqual([
    'SNAPSHOT_PENDING',
    'FAILED_PRECONDITION',
    'REMOTE_UNAVAILABLE',
    'DEADLINE',
    'CANCELLED',
    'SHUTTING_DOWN',
  ])
})

test('what may be chance is tried three times in a row, each job by itself', () => {
  const attempts = new Attempts()
  const wrong = new AshlarError('CORRUPT', 'a chunk')
  const away = new AshlarError('REMOTE_UNAVAILABLE', 'a node')
  expect([1, 2].map(() => attempts.isLast('a', wrong))).toEqual([false, false])
  expect(attempts.isLast('b', wrong)).toBe(false)
  expect(attempts.isLast('a', away)).toBe(false)
  expect(attempts.isLast('a', wrong)).toBe(true)
  attempts.forget('a')
  expect(attempts.isLast('a', wrong)).toBe(false)
})

test('what cannot heal is not tried twice', () => {
  expect(new Attempts().isLast('a', new AshlarError('INVALID_ARGUMENT', 'no'))).toBe(true)
})
