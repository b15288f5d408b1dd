// Offline: reads the store's folder itself, and refuses one that a daemon has open.

import { native } from '../../native/binding.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatDetails } from '../table.js'
import { orNothing } from '../text.js'

export const storeCheck: CommandSpec = {
  name: 'store-check',
  summary: 'verify every chunk, node and record of a chunk store, offline',
  offline: true,
  arguments: '<folder>',
  examples: [
    'ashlar store-check .ashlar/local/store',
    'ashlar store-check .ashlar/local/store --output json',
  ],
  async run(session, input) {
    const report = await session.interruptible(native().storeCheck(input.first))
    const sound = report.problems.length === 0
    const message = {
      store: input.first,
      sound,
      packs: Number(report.packs),
      frames: Number(report.frames),
      damagedFrames: Number(report.damagedFrames),
      deadDamagedFrames: Number(report.deadDamagedFrames),
      unknownFiles: Number(report.unknownFiles),
      missingFromIndex: Number(report.missingFromIndex),
      danglingIndexEntries: Number(report.danglingIndexEntries),
      deltasWithoutBase: Number(report.deltasWithoutBase),
      nodesWithoutChildren: Number(report.nodesWithoutChildren),
      quarantined: Number(report.quarantined),
      problems: report.problems,
    }
    await session.print(message, () =>
      formatDetails([
        ['Store', input.first],
        ['Result', sound ? 'sound' : 'damaged'],
        ['Packs', String(report.packs)],
        ['Frames', String(report.frames)],
        ['Damaged frames', String(report.damagedFrames)],
        ['Damaged frames, unused', String(report.deadDamagedFrames)],
        ['Unknown files', String(report.unknownFiles)],
        ['Missing from index', String(report.missingFromIndex)],
        ['Dangling index entries', String(report.danglingIndexEntries)],
        ['Deltas without base', String(report.deltasWithoutBase)],
        ['Nodes without children', String(report.nodesWithoutChildren)],
        ['Quarantined', String(report.quarantined)],
        ['Problems', orNothing(report.problems[0] ?? '')],
        ...report.problems.slice(1).map((problem) => ['', problem] as const),
      ]),
    )
    return sound ? exitCodes.ok : exitCodes.integrity
  },
}
