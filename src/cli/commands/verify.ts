// Offline but for --snapshot: the image is hashed here.

import { stat } from 'node:fs/promises'

import { AshlarError } from '../../base/error.js'
import { native } from '../../native/binding.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import type { Session } from '../session.js'
import { formatDetails } from '../table.js'
import { size } from '../text.js'

export const verify: CommandSpec = {
  name: 'verify',
  summary: 'compute the Merkle root of an image, and compare it with that of a snapshot',
  arguments: '<image>',
  options: [['--snapshot <snapshot>', 'exit with 9 when its root is another one']],
  examples: ['ashlar verify disk.raw', 'ashlar verify disk.raw --snapshot db-monday'],
  async run(session, input) {
    const name = input.text('snapshot')
    const wanted = name === undefined ? undefined : await rootOf(session, name)
    await refuseUnlessReadable(input.first)
    const { rootHex, volumeBytes } = await session.interruptible(native().verifyImage(input.first))
    const bytes = String(volumeBytes)
    const equal =
      wanted === undefined
        ? {}
        : { snapshot: name, snapshotRoot: wanted, equal: wanted === rootHex }
    await session.print({ image: input.first, root: rootHex, capacityBytes: bytes, ...equal }, () =>
      formatDetails([
        ['Image', input.first],
        ['Capacity', `${size(bytes)} (${bytes} bytes)`],
        ['Root', rootHex],
        ...(wanted === undefined
          ? []
          : ([
              ['Snapshot root', wanted],
              ['Result', wanted === rootHex ? 'equal' : 'different'],
            ] as const)),
      ]),
    )
    return wanted === undefined || wanted === rootHex ? exitCodes.ok : exitCodes.different
  },
}

async function rootOf(session: Session, name: string): Promise<string> {
  const client = await session.client()
  const snapshot = await client.snapshots.getSnapshot({ snapshot: name }, session.call)
  if (snapshot.root !== '') return snapshot.root
  throw new AshlarError(
    'SNAPSHOT_PENDING',
    `snapshot ${snapshot.name} has no root before it is stable`,
    {
      metadata: { mend: 'wait until it is stable' },
    },
  )
}

async function refuseUnlessReadable(path: string): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AshlarError('NOT_FOUND', `${path} cannot be opened`, {
      cause,
      metadata: { mend: 'check the path' },
    })
  })
  if (found.isFile() || found.isBlockDevice()) return
  throw new AshlarError('INVALID_ARGUMENT', `${path} is neither a file nor a block device`, {
    metadata: { mend: 'check the path' },
  })
}
