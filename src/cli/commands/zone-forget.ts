import type { CommandSpec } from '../command.js'
import { confirmed } from '../confirm.js'
import { exitCodes } from '../exit-code.js'
import { forceOptions } from '../input.js'

export const zoneForget: CommandSpec = {
  name: 'zone-forget',
  summary: 'forget a zone that is gone for good, with its volumes',
  arguments: '<zone>',
  options: forceOptions,
  examples: ['ashlar zone-forget local-3', 'ashlar zone-forget local-3 -f'],
  async run(session, input) {
    const zone = input.first
    const what = `the volumes and attachments of zone ${zone} and what is kept for them`
    if (!(await confirmed(session, input, what))) return exitCodes.ok
    await session.heading(`Forgetting zone ${zone}`)
    const client = await session.client()
    const forgotten = await client.operator.forgetZone({ zone }, session.call)
    await session.print({ zone, ...forgotten }, () => {
      const { volumesForgotten, pinsDropped } = forgotten
      return `OK\nZone ${zone} is forgotten: ${volumesForgotten} volumes, ${pinsDropped} pins.\n`
    })
    return exitCodes.ok
  },
}
