import { listVolumes } from '../../client/pages.js'
import type { CommandSpec } from '../command.js'
import { attachmentStateFilter } from '../filters.js'
import { exitCodes } from '../exit-code.js'
import { volumeList } from '../volume-view.js'

export const volumes: CommandSpec = {
  name: 'volumes',
  summary: 'list volumes, newest first',
  options: [
    ['--zone <zone>', 'only those of this zone'],
    ['--name <name>', 'only the one of this name'],
    ['--tag <tag>', 'only those with this tag'],
    ['--attachment-state <state>', 'only those that are attached, unattached or unusable'],
    ['--resource-group <group>', 'only those of this resource group'],
    ['--source-snapshot <snapshot>', 'only those created from this snapshot'],
  ],
  examples: ['ashlar volumes', 'ashlar volumes --zone local-1 --output json'],
  async run(session, input) {
    const attachmentState = attachmentStateFilter(input.text('attachmentState'))
    await session.heading('Listing volumes')
    const filter = {
      zone: input.text('zone') ?? '',
      name: input.text('name') ?? '',
      userTag: input.text('tag') ?? '',
      attachmentState,
      resourceGroup: input.text('resourceGroup') ?? '',
      sourceSnapshot: input.text('sourceSnapshot') ?? '',
    }
    const found = await listVolumes(await session.client(), filter, session.call)
    await session.print(found, () => volumeList(found))
    return exitCodes.ok
  },
}
