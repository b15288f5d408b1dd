import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { volumeDetails } from '../volume-view.js'

export const volume: CommandSpec = {
  name: 'volume',
  summary: 'show a volume',
  arguments: '<volume>',
  examples: ['ashlar volume db', 'ashlar volume db --output json'],
  async run(session, input) {
    await session.heading(`Getting volume ${input.first}`)
    const client = await session.client()
    const found = await client.volumes.getVolume({ volume: input.first }, session.call)
    await session.print(found, () => volumeDetails(found))
    return exitCodes.ok
  },
}
