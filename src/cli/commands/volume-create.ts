import { invalidArgument } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { followVolume } from '../follow.js'
import { capacityOptions } from '../input.js'
import { volumeDetails } from '../volume-view.js'

export const volumeCreate: CommandSpec = {
  name: 'volume-create',
  summary: 'create a volume, empty or from a snapshot',
  options: [
    ['--name <name>', 'unique among the volumes of the region (default: one is picked)'],
    ['--zone <zone>', 'where it is to be'],
    ...capacityOptions,
    [
      '--snapshot, --source-snapshot <snapshot>',
      'start with its content (capacity: by default its minimum)',
    ],
    ['--tags <tags>', 'user tags, separated by commas'],
    ['--resource-group <group>', 'resource group (default: "default")'],
    ['--wait', 'until all of its data is in its zone'],
  ],
  examples: [
    'ashlar volume-create --name db --zone local-1 --capacity 10',
    'ashlar volume-create --name scratch --zone local-1 --size 64MiB',
    'ashlar volume-create --name db-test --zone local-2 --snapshot db-monday --wait',
  ],
  async run(session, input) {
    const zone = input.required('zone', '--zone')
    const capacityBytes = input.capacity()
    const sourceSnapshot = input.text('sourceSnapshot') ?? ''
    if (capacityBytes === undefined && sourceSnapshot === '') {
      throw invalidArgument('capacity_bytes', '--capacity or --size is required without --snapshot')
    }
    const name = input.text('name') ?? ''
    await session.heading(`Creating volume${name && ` ${name}`}`)
    const client = await session.client()
    const created = await client.volumes.createVolume(
      {
        name,
        zone,
        capacityBytes: String(capacityBytes ?? 0n),
        sourceSnapshot,
        userTags: input.list('tags') ?? [],
        resourceGroup: input.text('resourceGroup') ?? '',
        requestId: makeRequestId(),
      },
      session.call,
    )
    const volume = input.flag('wait') ? await followVolume(session, created) : created
    await session.print(volume, () => volumeDetails(volume))
    return exitCodes.ok
  },
}
