// What the comments in proto/ say of each method: the reasons with which it may be refused.

import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { status } from '@grpc/grpc-js'

import { errorTable } from '../../../src/gen/errors.js'

const root = resolve(import.meta.dirname, '..', '..', '..')
export const textOf = (folder: string) =>
  readdirSync(join(root, 'proto', folder))
    .map((name) => readFileSync(join(root, 'proto', folder, name), 'utf8'))
    .join('\n')

/** The comment above each rpc, as one line. */
export function commentsOf(text: string): ReadonlyMap<string, string> {
  const found = text.matchAll(/((?: *\/\/.*\n)*) *rpc (\w+)\(/g)
  return new Map(
    [...found].map(([, comment = '', method = '']) => [
      method,
      comment.replace(/^ *\/\/ ?/gm, '').replaceAll('\n', ' '),
    ]),
  )
}

const statusOf = new Map<string, string | undefined>(
  Object.values(errorTable).map(({ vpcCode, grpcStatus }) => [vpcCode, status[grpcStatus]]),
)

/**
 * The reasons that a comment documents: after "Errors:", groups of STATUS (reason, reason: why; reason).
 * Throws where a group says anything else, or a status that is not the reason's.
 */
export function reasonsIn(comment: string): readonly string[] {
  const errors = comment.split('Errors:')[1] ?? ''
  return [...errors.matchAll(/\b([A-Z_]{5,})\b(?: \(([^)]*)\))?/g)].flatMap(([, name, group]) => {
    // Words in capitals that are no status, as AVAILABLE.
    if (!Object.hasOwn(status, name ?? '')) return []
    if (group === undefined) throw new Error(`${name} stands without its reasons`)
    return group.split(';').flatMap((part) =>
      (part.split(':')[0] ?? '').split(',').map((word) => {
        const reason = word.trim()
        if (statusOf.get(reason) === name) return reason
        throw new Error(`${reason}: not a reason of ${name} in error_codes.def`)
      }),
    )
  })
}
