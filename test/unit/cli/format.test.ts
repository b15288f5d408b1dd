import { describe, expect, test } from 'vitest'

import { isErrorCode } from '../../../src/base/error.js'
import { exitCodes } from '../../../src/cli/exit-code.js'
import { formatJson, toJson } from '../../../src/cli/json.js'
import { ProgressLine, formatDuration } from '../../../src/cli/progress.js'
import { formatDetails, formatTable } from '../../../src/cli/table.js'
import {
  exactSize,
  isoTime,
  progressText,
  stateWord,
  time,
  wholeGib,
} from '../../../src/cli/text.js'

test('tables are aligned, three spaces apart, without trailing spaces', () => {
  const text = formatTable({
    columns: ['ID', 'Name', 'Zone'],
    rows: [
      ['r001-1', 'a', 'local-1'],
      ['r001-22', 'größer', '-'],
    ],
  })
  expect(text).toBe(
    'ID        Name     Zone\n' + //
      'r001-1    a        local-1\n' +
      'r001-22   größer   -\n',
  )
  expect(formatTable({ columns: ['ID', 'Name'], rows: [] })).toBe('ID   Name\n')
})

test('details nest tables', () => {
  const text = formatDetails([
    ['ID', 'x'],
    ['Source volume', { columns: ['ID', 'Name'], rows: [['r001-1', 'db']] }],
    ['Clones', { columns: ['Zone'], rows: [] }],
    ['Tags', '-'],
  ])
  expect(text).toBe(
    'ID              x\n' +
      'Source volume   ID       Name\n' +
      '                r001-1   db\n' +
      '\n' +
      'Clones          -\n' +
      'Tags            -\n',
  )
})

test('control characters never reach the terminal', () => {
  const text = formatTable({ columns: ['A'], rows: [['x\u001b[2Jy\nz\u009b']] })
  expect(text).toBe('A\nx\ufffd[2Jy\ufffdz\ufffd\n')
})

describe('single values', () => {
  test.each([
    ['VOLUME_ATTACHMENT_STATE_ATTACHED', 'attached'],
    ['VOLUME_STATUS_PENDING_DELETION', 'pending_deletion'],
    ['LIFECYCLE_STATE_STABLE', 'stable'],
    ['ZONE_STATUS_UNSPECIFIED', ''],
    ['ENCRYPTION_TYPE_PROVIDER_MANAGED', 'provider_managed'],
  ])('%s is %s', (value, word) => {
    expect(stateWord(value)).toBe(word)
  })

  test('times', () => {
    const timestamp = { seconds: '1676664943', nanos: 120_000_000 }
    expect(time(timestamp)).toBe('2023-02-17T20:15:43+00:00')
    expect(time(null)).toBe('-')
    expect(isoTime(timestamp)).toBe('2023-02-17T20:15:43.120Z')
    expect(isoTime({ seconds: '1676664943', nanos: 0 })).toBe('2023-02-17T20:15:43Z')
    expect(isoTime({ seconds: '1676664943', nanos: 1 })).toBe('2023-02-17T20:15:43.000000001Z')
  })

  test('sizes', () => {
    expect(['0', '1', '1073741824', '1073741825'].map(wholeGib)).toEqual(['0', '1', '1', '2'])
    expect(exactSize('1610612736')).toBe('1.5 GiB (1610612736 bytes)')
  })

  test('progress', () => {
    expect(progressText(null)).toBe('-')
    expect(progressText({ doneBytes: '0', totalBytes: '0', percent: 0, bytesPerSecond: '0' })).toBe(
      '0 %',
    )
    const half = { doneBytes: '536870912', totalBytes: '1073741824', percent: 50 }
    expect(progressText({ ...half, bytesPerSecond: '0' })).toBe('50 % (512 MiB of 1 GiB)')
    const moving = { ...half, bytesPerSecond: '1048576' }
    expect(progressText(moving)).toBe('50 % (512 MiB of 1 GiB, 1 MiB/s)')
  })
})

test('JSON has the names of the API, short states, numbers, and no null', () => {
  const volume = {
    id: 'x',
    capacityBytes: '70368744177664',
    attachmentState: 'VOLUME_ATTACHMENT_STATE_ATTACHED',
    status: 'VOLUME_STATUS_AVAILABLE',
    sourceSnapshot: null,
    userTags: ['a'],
    statusReasons: [{ code: 'c', message: 'NOT_A_STATE' }],
    createdAt: { seconds: '1676664943', nanos: 0 },
    hydration: { doneBytes: '1', totalBytes: '2', percent: 50, bytesPerSecond: '3' },
  }
  expect(toJson([volume])).toEqual([
    {
      id: 'x',
      capacity_bytes: 70368744177664,
      attachment_state: 'attached',
      status: 'available',
      user_tags: ['a'],
      status_reasons: [{ code: 'c', message: 'NOT_A_STATE' }],
      created_at: '2023-02-17T20:15:43Z',
      hydration: { done_bytes: 1, total_bytes: 2, percent: 50, bytes_per_second: 3 },
    },
  ])
  expect(formatJson({})).toBe('{}\n')
})

describe('progress', () => {
  const at = (doneBytes: number, percent: number, bytesPerSecond = 0) => ({
    doneBytes: String(doneBytes),
    totalBytes: String(1 << 30),
    percent,
    bytesPerSecond: String(bytesPerSecond),
  })
  function lines(columns?: number) {
    const written: string[] = []
    let ms = 1_000_000
    const clock = { nowNs: () => 0n, monotonicMs: () => ms, sleep: () => Promise.resolve() }
    const write = (text: string) => written.push(text)
    const width = columns === undefined ? undefined : () => columns
    const line = new ProgressLine({ label: 'Storing s', write, columns: width, clock })
    return { written, line, wait: (delayMs: number) => (ms += delayMs) }
  }

  test('on a terminal is one line redrawn, with rate and time left, and goes', () => {
    const { written, line, wait } = lines(120)
    line.update(at(0, 0))
    wait(50)
    line.update(at(1 << 28, 25, 1 << 28))
    wait(950)
    line.update(at(1 << 29, 50, 1 << 29))
    line.end()
    line.end()
    expect(written).toEqual([
      '\r\u001b[KStoring s  [--------------------]  0 %  0 B of 1 GiB',
      '\r\u001b[KStoring s  [##########----------]  50 %  512 MiB of 1 GiB  512 MiB/s  1 s left',
      '\r\u001b[K',
    ])
  })

  test('on a narrow terminal never wraps, and shows no control characters', () => {
    const { written, line } = lines(40)
    line.update(at(0, 0), 'pool\u001b[2J is full')
    const [shown = ''] = written
    expect(shown.slice('\r\u001b[K'.length)).toBe('Storing s  [--------------------]  0 % ')
    const wide = lines(120)
    wide.line.update(at(0, 0), 'pool\u001b[2J is full')
    expect(wide.written[0]).toMatch(/ 1 GiB {2}\(pool\ufffd\[2J is full\)$/)
  })

  test('elsewhere is a plain line every 10 s', () => {
    const { written, line, wait } = lines()
    for (let second = 0; second < 25; second++) {
      line.update(at(second << 20, second, 1 << 20))
      wait(1000)
    }
    line.end()
    expect(written).toEqual([
      'Storing s  10 %  10 MiB of 1 GiB  1 MiB/s  16 min 54 s left\n',
      'Storing s  20 %  20 MiB of 1 GiB  1 MiB/s  16 min 44 s left\n',
    ])
  })

  test.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })
})

test('exit codes are the published ones', () => {
  expect(exitCodes).toEqual({
    ok: 0,
    unexpected: 1,
    usage: 2,
    notFound: 3,
    conflict: 4,
    denied: 5,
    unreachable: 6,
    partial: 7,
    integrity: 8,
    different: 9,
    interrupted: 130,
    brokenPipe: 141,
  })
  expect(isErrorCode('toString')).toBe(false)
})
