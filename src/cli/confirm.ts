// Deleting: asks, deletes one after the other, and says what became of each: at once, or at the end as
// one JSON list.

import { AshlarError, asAshlarError } from '../base/error.js'
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.js'
import type { Input } from './input.js'
import { formatJson } from './json.js'
import { reportError } from './report.js'
import type { Session } from './session.js'

export interface Deletion {
  /** "volume", "snapshot". */
  readonly noun: string
  /** Default: the arguments. */
  readonly names?: readonly string[]
  /** Answers true when it is gone, false when that was only accepted. */
  readonly remove: (name: string) => Promise<boolean>
}

/** Exit code: ok, partial when some failed, that of the first failure when all did. */
export async function deleteEach(
  session: Session,
  input: Input,
  deletion: Deletion,
): Promise<ExitCode> {
  const names = [...new Set(deletion.names ?? input.arguments)]
  const what = `${plural(deletion.noun, names)} ${names.join(', ')}`
  if (!(await confirmed(session, input, what))) {
    await session.print([], () => '')
    return exitCodes.ok
  }
  await session.heading(`Deleting ${what}`)
  const failures = await deleteAll(session, deletion, names)
  const [first] = failures
  if (first === undefined) return exitCodes.ok
  return failures.length < names.length ? exitCodes.partial : exitCodeOf(first)
}

async function deleteAll(
  session: Session,
  { noun, remove }: Deletion,
  names: readonly string[],
): Promise<readonly AshlarError[]> {
  const failures: AshlarError[] = []
  const deletions: object[] = []
  try {
    for (const name of names) {
      const gone = await deleteOne(session, remove, name)
      if (gone instanceof AshlarError) {
        failures.push(gone)
        continue
      }
      deletions.push({ [noun]: name, deleted: gone })
      const sentence = gone
        ? `${capitalized(noun)} ${name} is deleted.`
        : `Deletion of ${noun} ${name} was accepted.`
      if (!session.json) await session.io.stdout(`OK\n${sentence}\n`)
    }
  } finally {
    // Also of what was deleted before an interruption.
    if (session.json) await session.io.stdout(formatJson(deletions))
  }
  return failures
}

/** As `remove`, or the failure, which was reported. */
async function deleteOne(
  session: Session,
  remove: Deletion['remove'],
  name: string,
): Promise<boolean | AshlarError> {
  try {
    return await remove(name)
  } catch (thrown) {
    if (session.io.signal.aborted) throw thrown
    const error = asAshlarError(thrown)
    reportError(error, session.io, session.json ? 'json' : 'table')
    return error
  }
}

/** Says so when the answer is no. Throws INVALID_ARGUMENT when there is nobody to ask. */
export async function confirmed(session: Session, input: Input, what: string): Promise<boolean> {
  if (input.flag('force') || input.flag('yes')) return true
  if (!session.io.canAsk) {
    throw new AshlarError(
      'INVALID_ARGUMENT',
      `deleting ${what} needs a confirmation, and there is no terminal to ask on`,
      {
        metadata: { mend: 'repeat the command with -f' },
      },
    )
  }
  const answer = await session.io.ask(
    `This will delete ${what} and cannot be undone. Continue [y/N] ?> `,
  )
  if (/^y(es)?$/i.test(answer.trim())) return true
  session.note('Nothing was deleted.')
  return false
}

const plural = (noun: string, names: readonly string[]): string =>
  names.length === 1 ? noun : `${noun}s`

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
