import { invalidArgument } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { snapshotDetails } from '../snapshot-view.js'

export const snapshotUpdate: CommandSpec = {
  name: 'snapshot-update',
  summary: 'rename or tag a snapshot',
  arguments: '<snapshot>',
  options: [
    ['--name <name>', 'new name'],
    ['--tags <tags>', 'new user tags, separated by commas, in place of all present ones'],
  ],
  examples: [
    'ashlar snapshot-update db-monday --name db-before-upgrade',
    "ashlar snapshot-update db-monday --tags ''",
  ],
  async run(session, input) {
    const name = input.text('name')
    const userTags = input.list('tags')
    const paths = [
      ...(name === undefined ? [] : ['name']),
      ...(userTags === undefined ? [] : ['user_tags']),
    ]
    if (paths.length === 0)
      throw invalidArgument('update_mask', 'nothing to change: give --name or --tags')
    await session.heading(`Updating snapshot ${input.first}`)
    const client = await session.client()
    const updated = await client.snapshots.updateSnapshot(
      {
        snapshot: input.first,
        updateMask: { paths },
        name: name ?? '',
        userTags: userTags ?? [],
        requestId: makeRequestId(),
      },
      session.call,
    )
    await session.print(updated, () => snapshotDetails(updated))
    return exitCodes.ok
  },
}
