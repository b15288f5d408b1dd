// Offline: the only thing that makes a pool of what is not an empty file.

import { formatBytes } from '../../base/bytes.js'
import { native } from '../../native/binding.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { capacityOptions } from '../input.js'
import { formatDetails } from '../table.js'

export const poolCreate: CommandSpec = {
  name: 'pool-create',
  summary: 'make a pool of a file or a block device, offline',
  offline: true,
  arguments: '<file>',
  options: [
    ...capacityOptions,
    ['-f, --force', 'also when it is not empty: destroys what it holds'],
  ],
  examples: [
    'ashlar pool-create /srv/ashlar/pool --capacity 100',
    'ashlar pool-create /dev/nvme1n1',
    'ashlar pool-create /dev/nvme1n1 --force',
  ],
  async run(session, input) {
    const capacityBytes = input.bytes()
    const options = capacityBytes === undefined ? {} : { capacityBytes }
    const made = await session.interruptible(
      native().createPool({ path: input.first, force: input.flag('force'), ...options }),
    )
    const message = {
      pool: input.first,
      poolId: made.poolId,
      capacityBytes: String(made.capacityBytes),
    }
    await session.print(message, () =>
      formatDetails([
        ['Pool', input.first],
        ['ID', made.poolId],
        ['Capacity', formatBytes(made.capacityBytes)],
      ]),
    )
    return exitCodes.ok
  },
}
