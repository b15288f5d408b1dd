// How single values look to people: states, times, sizes, absent things.

import { formatBytes } from '../base/bytes.js'
import { type Timestamp, timestampToMs } from '../base/timestamp.js'
import type { Progress__Output as Progress } from '../gen/ashlar/v1/Progress.js'
import type { Reason__Output as Reason } from '../gen/ashlar/v1/Reason.js'

/** What an absent or empty value shows as. */
export const nothing = '-'

/** A name from elsewhere must not move the terminal's cursor. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '\ufffd')

export const orNothing = (text: string): string => (text === '' ? nothing : text)

/** "VOLUME_ATTACHMENT_STATE_ATTACHED" → "attached"; UNSPECIFIED → "". States, statuses and types. */
export function stateWord(value: string): string {
  const word = /_(?:STATE|STATUS|TYPE)_([A-Z_]+)$/.exec(value)?.[1] ?? value
  return word === 'UNSPECIFIED' ? '' : word.toLowerCase()
}

/** "2023-02-17T20:15:43+00:00": offset form, no fraction. */
export function time(timestamp: Timestamp | null): string {
  if (timestamp === null) return nothing
  return new Date(timestampToMs(timestamp)).toISOString().replace(/\.\d+Z$/, '+00:00')
}

/** Exact UTC with nine digits where they are known, for JSON. */
export function isoTime(timestamp: Timestamp): string {
  const seconds = new Date(Number(timestamp.seconds) * 1000).toISOString().slice(0, 19)
  const digits = String(timestamp.nanos)
    .padStart(9, '0')
    .replace(/(?:000)+$/, '')
  return `${seconds}${digits === '' ? '' : `.${digits}`}Z`
}

export const size = (bytes: string): string => formatBytes(BigInt(bytes))

/** Whole GiB, rounded up, as the columns named "(GB)" have it. */
export const wholeGib = (bytes: string): string => String((BigInt(bytes) + (1n << 30n) - 1n) >> 30n)

/** "1.5 GiB (1610612736 bytes)", "512 bytes". */
export const exactSize = (bytes: string): string =>
  BigInt(bytes) < 1024n ? `${bytes} bytes` : `${size(bytes)} (${bytes} bytes)`

export const yesNo = (value: boolean): string => (value ? 'true' : 'false')

/** "42 % (1.2 GiB of 2.9 GiB, 310 MiB/s)". */
export function progressText(progress: Progress | null): string {
  if (progress === null) return nothing
  if (progress.totalBytes === '0') return `${progress.percent} %`
  const { doneBytes, totalBytes, bytesPerSecond } = progress
  const rate = bytesPerSecond === '0' ? '' : `, ${size(bytesPerSecond)}/s`
  return `${progress.percent} % (${size(doneBytes)} of ${size(totalBytes)}${rate})`
}

export function reasonsText(reasons: readonly Reason[]): string {
  return orNothing(
    reasons.map(({ code, message }) => (message ? `${code}: ${message}` : code)).join('; '),
  )
}
