import type { CommandSpec } from '../command.js'
import { exitCodes } from '../exit-code.js'
import { storeDetails } from '../store-view.js'

export const storeStats: CommandSpec = {
  name: 'store-stats',
  summary: "show sizes and counts of the region's chunk store",
  examples: ['ashlar store-stats'],
  async run(session) {
    await session.heading('Getting the store')
    const client = await session.client()
    const stats = await client.operator.getStoreStats({}, session.call)
    await session.print(stats, () => storeDetails(stats))
    return exitCodes.ok
  },
}
