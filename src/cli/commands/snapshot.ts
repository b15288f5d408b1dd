import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { snapshotDetails } from '../snapshot-view.js'

export const snapshot: CommandSpec = {
  name: 'snapshot',
  summary: 'show a snapshot',
  arguments: '<snapshot>',
  examples: ['ashlar snapshot db-monday', 'ashlar snapshot db-monday --output json'],
  async run(session, input) {
    await session.heading(`Getting snapshot ${input.first}`)
    const client = await session.client()
    const found = await client.snapshots.getSnapshot({ snapshot: input.first }, session.call)
    await session.print(found, () => snapshotDetails(found))
    return exitCodes.ok
  },
}
