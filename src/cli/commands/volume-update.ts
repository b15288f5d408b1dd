import { invalidArgument } from '../../base/error.js'
import { makeRequestId } from '../../base/ids.js'
import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { capacityOptions } from '../input.js'
import { volumeDetails } from '../volume-view.js'

export const volumeUpdate: CommandSpec = {
  name: 'volume-update',
  summary: 'rename, tag or grow a volume',
  arguments: '<volume>',
  options: [
    ['--name <name>', 'new name'],
    ['--tags <tags>', 'new user tags, separated by commas, in place of all present ones'],
    ...capacityOptions,
  ],
  examples: [
    'ashlar volume-update db --name db-old',
    'ashlar volume-update db --capacity 20',
    'ashlar volume-update db --tags env:test,team:a',
    "ashlar volume-update db --tags ''",
  ],
  async run(session, input) {
    const name = input.text('name')
    const userTags = input.list('tags')
    const capacityBytes = input.capacity()
    const paths = [
      ...(name === undefined ? [] : ['name']),
      ...(userTags === undefined ? [] : ['user_tags']),
      ...(capacityBytes === undefined ? [] : ['capacity_bytes']),
    ]
    if (paths.length === 0) {
      throw invalidArgument(
        'update_mask',
        'nothing to change: give --name, --tags, --capacity or --size',
      )
    }
    await session.heading(`Updating volume ${input.first}`)
    const client = await session.client()
    const updated = await client.volumes.updateVolume(
      {
        volume: input.first,
        updateMask: { paths },
        name: name ?? '',
        userTags: userTags ?? [],
        capacityBytes: String(capacityBytes ?? 0n),
        requestId: makeRequestId(),
      },
      session.call,
    )
    await session.print(updated, () => volumeDetails(updated))
    return exitCodes.ok
  },
}
