// Exit codes, published in `ashlar --help` and never reused, and what the user can do about each
// error. Both tables name every code of the one error table, so a new code does not compile until
// it has its row.

import type { AshlarError } from '../base/error.js'
import type { ErrorCode } from '../gen/errors.js'

export const exitCodes = {
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
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeHelp = `Exit codes:
  0 done                   5 not allowed
  1 unexpected failure     6 daemon unreachable, or too slow
  2 wrong usage or value   7 some of several done
  3 no such object         8 damaged data found
  4 conflict, or not in    9 difference found
    a state to do it     130 interrupted
                         141 nobody reads its output`

const exits: Readonly<Record<ErrorCode, ExitCode>> = {
  INVALID_ARGUMENT: exitCodes.usage,
  NOT_FOUND: exitCodes.notFound,
  VOLUME_NOT_FOUND: exitCodes.notFound,
  SNAPSHOT_NOT_FOUND: exitCodes.notFound,
  ATTACHMENT_NOT_FOUND: exitCodes.notFound,
  ZONE_NOT_FOUND: exitCodes.notFound,
  NAME_DUPLICATE: exitCodes.conflict,
  VOLUME_IN_USE: exitCodes.conflict,
  VOLUME_ATTACHED: exitCodes.conflict,
  SNAPSHOT_PENDING: exitCodes.conflict,
  SNAPSHOT_FAILED: exitCodes.conflict,
  CAPACITY_SHRINK: exitCodes.usage,
  CAPACITY_BELOW_MINIMUM: exitCodes.usage,
  FAILED_PRECONDITION: exitCodes.conflict,
  TOMBSTONE: exitCodes.conflict,
  ID_REUSED: exitCodes.conflict,
  ETAG_MISMATCH: exitCodes.conflict,
  READ_ONLY: exitCodes.conflict,
  PERMISSION_DENIED: exitCodes.denied,
  OUT_OF_RANGE: exitCodes.usage,
  NO_SPACE: exitCodes.conflict,
  QUOTA_EXCEEDED: exitCodes.conflict,
  TOO_LARGE: exitCodes.usage,
  NOT_SUPPORTED: exitCodes.unexpected,
  CORRUPT: exitCodes.integrity,
  FOREIGN_FILE: exitCodes.conflict,
  NEWER_FORMAT: exitCodes.conflict,
  IN_USE: exitCodes.conflict,
  DEVICE_FAILED: exitCodes.unexpected,
  POOL_READ_ONLY: exitCodes.conflict,
  REMOTE_UNAVAILABLE: exitCodes.unreachable,
  DEADLINE: exitCodes.unreachable,
  CANCELLED: exitCodes.unexpected,
  SHUTTING_DOWN: exitCodes.unreachable,
  PROTOCOL: exitCodes.unexpected,
  INTERNAL: exitCodes.unexpected,
  CATALOG_BEHIND: exitCodes.conflict,
}

const mends: Readonly<Record<ErrorCode, string>> = {
  INVALID_ARGUMENT: 'see --help',
  NOT_FOUND: 'check the name or the path',
  VOLUME_NOT_FOUND: 'see `ashlar volumes`',
  SNAPSHOT_NOT_FOUND: 'see `ashlar snapshots`',
  ATTACHMENT_NOT_FOUND: 'see `ashlar attachments`',
  ZONE_NOT_FOUND: 'see `ashlar zones`',
  NAME_DUPLICATE: 'choose another name, or leave --name out',
  VOLUME_IN_USE: 'detach it first with `ashlar detach`',
  VOLUME_ATTACHED: 'detach it there first with `ashlar detach`',
  SNAPSHOT_PENDING: 'wait until it is stable, or use the zone of its volume',
  SNAPSHOT_FAILED: 'take another one',
  CAPACITY_SHRINK: 'give a larger capacity',
  CAPACITY_BELOW_MINIMUM: "give at least the snapshot's minimum capacity, or none",
  FAILED_PRECONDITION: 'look at its state first',
  TOMBSTONE: 'make a new one',
  ID_REUSED: 'run the command again',
  ETAG_MISMATCH: 'look at it again, then decide',
  READ_ONLY: 'attach it without --read-only',
  PERMISSION_DENIED: 'ask who runs the daemon',
  OUT_OF_RANGE: 'see --help',
  NO_SPACE: 'delete volumes or snapshots, or add capacity',
  QUOTA_EXCEEDED: 'delete what is no longer needed',
  TOO_LARGE: 'ask for less at once',
  NOT_SUPPORTED: 'the daemon may be older than this command',
  CORRUPT: 'keep the file as it is and restore from a snapshot',
  FOREIGN_FILE: 'check the path',
  NEWER_FORMAT: 'use the version that wrote it',
  IN_USE: 'stop the process that has it open',
  DEVICE_FAILED: 'see the daemon log and the kernel log',
  POOL_READ_ONLY: 'see the daemon log, then restart the daemon',
  REMOTE_UNAVAILABLE: 'start it with `npm start`, or set ASHLAR_ENDPOINT',
  DEADLINE: 'try again; the daemon log may say why',
  CANCELLED: 'run the command again',
  SHUTTING_DOWN: 'try again in a moment',
  PROTOCOL: 'check that both sides are the same version',
  INTERNAL: 'see the daemon log',
  CATALOG_BEHIND: 'stop the region and run `ashlar store-rebuild-catalog --missing` on its folder',
}

export function exitCodeOf(error: AshlarError): ExitCode {
  return exits[error.code]
}

/** What to do about it, as half a sentence. */
export function mendOf(error: AshlarError): string {
  return error.metadata['mend'] ?? mends[error.code]
}
