import { listSnapshots } from '../../client/pages.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { lifecycleStateFilter } from '../filters.js'
import { snapshotList } from '../snapshot-view.js'

export const snapshots: CommandSpec = {
  name: 'snapshots',
  summary: 'list snapshots, newest first',
  options: [
    ['--volume <volume>', 'only those of this volume'],
    ['--name <name>', 'only the one of this name'],
    ['--tag <tag>', 'only those with this tag'],
    ['--clone-zone <zone>', 'only those with a clone in this zone'],
    ['--source-snapshot <snapshot>', 'only copies of this snapshot, by its CRN or id'],
    ['--copy-region <region>', 'only those with a copy in this region'],
    ['--status <state>', 'only those in this state: pending, stable, ...'],
    ['--resource-group <group>', 'only those of this resource group'],
  ],
  examples: [
    'ashlar snapshots',
    'ashlar snapshots --volume db --status stable',
    'ashlar snapshots --clone-zone local-2',
  ],
  async run(session, input) {
    const lifecycleState = lifecycleStateFilter(input.text('status'))
    await session.heading('Listing snapshots')
    const filter = {
      sourceVolume: input.text('volume') ?? '',
      name: input.text('name') ?? '',
      userTag: input.text('tag') ?? '',
      lifecycleState,
      cloneZone: input.text('cloneZone') ?? '',
      sourceSnapshot: input.text('sourceSnapshot') ?? '',
      copyRegion: input.text('copyRegion') ?? '',
      resourceGroup: input.text('resourceGroup') ?? '',
    }
    const found = await listSnapshots(await session.client(), filter, session.call)
    await session.print(found, () => snapshotList(found))
    return exitCodes.ok
  },
}
