// Offline: reads the pool file itself, and refuses one that a daemon has open.

import { native } from '../../native/binding.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { formatDetails } from '../table.js'
import { orNothing } from '../text.js'

export const poolCheck: CommandSpec = {
  name: 'pool-check',
  summary: 'walk everything in a pool against its allocator, offline',
  offline: true,
  arguments: '<file>',
  options: [
    ['--data', 'read all data, too, and hold it against its checksums'],
    ['--repair', 'give back leaked blocks'],
  ],
  examples: [
    'ashlar pool-check .ashlar/local-1/pool',
    'ashlar pool-check .ashlar/local-1/pool --data',
    'ashlar pool-check .ashlar/local-1/pool --repair',
  ],
  async run(session, input) {
    const repair = input.flag('repair')
    const data = input.flag('data')
    const report = await session.interruptible(native().poolCheck(input.first, { repair, data }))
    // Leaks that were given back are no problems any more.
    const sound = report.problems.length === 0
    const message = {
      pool: input.first,
      sound,
      repaired: report.repaired,
      problems: report.problems,
      volumes: report.volumes,
      cuts: report.cuts,
      usedBlocks: Number(report.usedBlocks),
      leakedBlocks: Number(report.leakedBlocks),
      dataBlocks: Number(report.dataBlocks),
    }
    await session.print(message, () =>
      formatDetails([
        ['Pool', input.first],
        ['Result', sound ? (report.repaired ? 'repaired' : 'sound') : 'damaged'],
        ['Volumes', String(report.volumes)],
        ['Cuts', String(report.cuts)],
        ['Used blocks', String(report.usedBlocks)],
        ['Leaked blocks', String(report.leakedBlocks)],
        ['Data blocks', data ? `${report.dataBlocks} read` : 'not read'],
        ['Problems', orNothing(report.problems[0] ?? '')],
        ...report.problems.slice(1).map((problem) => ['', problem] as const),
      ]),
    )
    return sound ? exitCodes.ok : exitCodes.integrity
  },
}
