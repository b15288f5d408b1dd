import { makeRequestId } from '../../base/ids.js'
import { waitForSnapshot } from '../../client/wait.js'
import type { Snapshot__Output as Snapshot } from '../../gen/ashlar/v1/Snapshot.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import type { Session } from '../session.js'
import { snapshotDetails } from '../snapshot-view.js'

export const snapshotCreate: CommandSpec = {
  name: 'snapshot-create',
  summary: 'capture a volume at one instant',
  options: [
    ['--volume <volume>', 'the volume to capture'],
    ['--name <name>', 'unique among the snapshots of the region (default: one is picked)'],
    ['--tags <tags>', 'user tags, separated by commas'],
    ['--resource-group <group>', 'resource group (default: "default")'],
    ['--wait', 'until all of its data is durable in the region'],
  ],
  examples: [
    'ashlar snapshot-create --volume db --name db-monday',
    'ashlar snapshot-create --volume db --name db-monday --tags daily,env:prod --wait',
  ],
  async run(session, input) {
    const sourceVolume = input.required('volume', '--volume')
    const name = input.text('name') ?? ''
    await session.heading(`Creating snapshot${name && ` ${name}`}`)
    const client = await session.client()
    const captured = await client.snapshots.createSnapshot(
      {
        sourceVolume,
        name,
        userTags: input.list('tags') ?? [],
        resourceGroup: input.text('resourceGroup') ?? '',
        requestId: makeRequestId(),
      },
      session.call,
    )
    const snapshot = input.flag('wait') ? await stable(session, captured) : captured
    session.print(snapshot, () => snapshotDetails(snapshot))
    return exitCodes.ok
  },
}

/** Ctrl-C ends the waiting, not the snapshot. */
async function stable(session: Session, snapshot: Snapshot): Promise<Snapshot> {
  const { clock, signal } = session.io
  const line = session.progress(`Storing snapshot ${snapshot.name}`)
  try {
    return await waitForSnapshot(await session.client(), snapshot.id, {
      signal,
      clock,
      onProgress: ({ progress, lifecycleReasons }) => {
        if (progress !== null) line.update(progress, lifecycleReasons[0]?.message)
      },
    })
  } catch (thrown) {
    line.end()
    if (signal.aborted) {
      session.io.stderr(
        `Snapshot ${snapshot.name} goes on without this command; look again with: ashlar snapshot ${snapshot.id}\n`,
      )
    }
    throw thrown
  } finally {
    line.end()
  }
}
