// Offline: a process of its own opens store and catalog, and refuses those of a running region.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { AshlarError, isErrorCode } from '../../base/error.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import type { Session } from '../session.js'
import { formatDetails } from '../table.js'

// Bundled beside this command (rolldown.config.mjs).
const program = fileURLToPath(new URL('./rebuild-catalog.js', import.meta.url))

interface Answer {
  readonly records?: number
  readonly generation?: number
  readonly damaged?: number
  readonly error?: { readonly code?: unknown; readonly message?: string }
}

export const storeRebuildCatalog: CommandSpec = {
  name: 'store-rebuild-catalog',
  summary: "make a region's lost catalog anew from its store, offline",
  offline: true,
  arguments: '<folder>',
  options: [
    ['--missing', 'keep the catalog, and add what it does not know'],
    ['--without-damaged', 'go on without records that cannot be read, and lose what they said'],
    ['--name <name>', 'name of the region, for a store without snapshots'],
    ['--number <number>', 'number of the region, for a store without snapshots'],
  ],
  examples: [
    'ashlar store-rebuild-catalog .ashlar/local',
    'ashlar store-rebuild-catalog .ashlar/local --missing',
  ],
  async run(session, input) {
    const options = [
      ...(input.flag('missing') ? ['--missing'] : []),
      ...(input.flag('withoutDamaged') ? ['--without-damaged'] : []),
      ...['name', 'number'].flatMap((name) => {
        const value = input.text(name)
        return value === undefined ? [] : [`--${name}`, value]
      }),
    ]
    const answer = await rebuilt(session, [...options, '--', input.first])
    const { records = 0, generation = 0, damaged = 0 } = answer
    await session.print({ folder: input.first, records, generation, damaged }, () =>
      formatDetails([
        ['Folder', input.first],
        ['Records applied', String(records)],
        ['Damaged records left out', String(damaged)],
        ['Catalog generation', String(generation)],
      ]),
    )
    return exitCodes.ok
  },
}

async function rebuilt(session: Session, args: readonly string[]): Promise<Answer> {
  const stdout = await session.interruptible(
    new Promise<string>((resolve) => {
      execFile(process.execPath, [program, ...args], (_error, out) => resolve(out))
    }),
  )
  const answer = parse(stdout)
  if (answer.error === undefined) return answer
  const { code, message = 'the catalog could not be made' } = answer.error
  throw new AshlarError(isErrorCode(code) ? code : 'INTERNAL', message)
}

function parse(stdout: string): Answer {
  try {
    return JSON.parse(stdout) as Answer
  } catch {
    return { error: { message: `${program} did not say what it did` } }
  }
}
