import { invalidArgument } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import type { Snapshot__Output as Snapshot } from '../../gen/ashlar/v1/Snapshot.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { followClone, followSnapshot } from '../follow.js'
import type { Input } from '../input.js'
import type { Session } from '../session.js'
import { snapshotDetails } from '../snapshot-view.js'

export const snapshotCreate: CommandSpec = {
  name: 'snapshot-create',
  summary: 'capture a volume at one instant, or copy a snapshot of another region',
  options: [
    ['--volume <volume>', 'the volume to capture'],
    ['--source-snapshot-crn <crn>', 'the stable snapshot of another region to copy'],
    ['--name <name>', 'unique among the snapshots of the region (default: one is picked)'],
    ['--clone-zones <zones>', 'zones that get a fast-restore clone, separated by commas'],
    ['--tags <tags>', 'user tags, separated by commas'],
    ['--resource-group <group>', 'resource group (default: "default")'],
    ['--wait', 'until all of its data is durable in the region, and its clones are available'],
  ],
  examples: [
    'ashlar snapshot-create --volume db --name db-monday',
    'ashlar snapshot-create --volume db --name db-monday --tags daily,env:prod --wait',
    'ashlar snapshot-create --volume db --clone-zones local-2,local-3',
    'ashlar snapshot-create --source-snapshot-crn crn:v1:... --endpoint other-region:7440',
  ],
  async run(session, input) {
    const source = sourceOf(input)
    const name = input.text('name') ?? ''
    await session.heading(`Creating snapshot${name && ` ${name}`}`)
    const client = await session.client()
    const created = await client.snapshots.createSnapshot(
      {
        ...source,
        name,
        cloneZones: input.list('cloneZones') ?? [],
        userTags: input.list('tags') ?? [],
        resourceGroup: input.text('resourceGroup') ?? '',
        requestId: makeRequestId(),
      },
      session.call,
    )
    const snapshot = input.flag('wait') ? await complete(session, created) : created
    await session.print(snapshot, () => snapshotDetails(snapshot))
    return exitCodes.ok
  },
}

function sourceOf(input: Input) {
  const sourceVolume = input.text('volume')
  const sourceSnapshotCrn = input.text('sourceSnapshotCrn')
  if (sourceVolume === undefined && sourceSnapshotCrn === undefined) {
    throw invalidArgument('source_volume', '--volume or --source-snapshot-crn is required')
  }
  if (sourceVolume !== undefined && sourceSnapshotCrn !== undefined) {
    throw invalidArgument('source_volume', 'give --volume or --source-snapshot-crn, not both')
  }
  return { sourceVolume: sourceVolume ?? '', sourceSnapshotCrn: sourceSnapshotCrn ?? '' }
}

async function complete(session: Session, created: Snapshot): Promise<Snapshot> {
  const stable = await followSnapshot(session, created)
  if (stable.clones.length === 0) return stable
  for (const { zone } of stable.clones) {
    await followClone(session, { snapshot: stable.name, zone })
  }
  const client = await session.client()
  return await client.snapshots.getSnapshot({ snapshot: created.id }, session.call)
}
