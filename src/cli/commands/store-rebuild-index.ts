// Offline: the index is never the only copy of a fact, so it can be made anew from the packs.

import { native } from '../../native/binding.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatDetails } from '../table.js'
import { orNothing } from '../text.js'

export const storeRebuildIndex: CommandSpec = {
  name: 'store-rebuild-index',
  summary: "make a chunk store's index anew from its packs, offline",
  offline: true,
  arguments: '<folder>',
  examples: ['ashlar store-rebuild-index .ashlar/local/store'],
  async run(session, input) {
    const report = await session.interruptible(native().storeRebuildIndex(input.first))
    const whole = report.problems.length === 0 && report.quarantined === 0n
    const message = {
      store: input.first,
      whole,
      packs: Number(report.packs),
      frames: Number(report.frames),
      quarantined: Number(report.quarantined),
      problems: report.problems,
    }
    await session.print(message, () =>
      formatDetails([
        ['Store', input.first],
        ['Result', whole ? 'rebuilt' : 'rebuilt, with gaps'],
        ['Packs', String(report.packs)],
        ['Frames', String(report.frames)],
        ['Quarantined', String(report.quarantined)],
        ['Problems', orNothing(report.problems[0] ?? '')],
        ...report.problems.slice(1).map((problem) => ['', problem] as const),
      ]),
    )
    return whole ? exitCodes.ok : exitCodes.integrity
  },
}
