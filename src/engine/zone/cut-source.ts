// What a node lets its region pull: the cuts of its pool.

import { AshlarError } from '../../base/error.js'
import type { Binding, PoolHandle } from '../../native/binding.js'
import type { OpenedSource, PullOpen, PullSource } from '../puller.js'

export interface CutSourceOptions {
  readonly native: Binding
  readonly pool: PoolHandle
  /** The only site that may pull. */
  readonly region: string
}

export class CutSource implements PullSource {
  readonly #options: CutSourceOptions

  constructor(options: CutSourceOptions) {
    this.#options = options
  }

  async open(request: PullOpen): Promise<OpenedSource> {
    const { native, pool, region } = this.#options
    if (request.site !== region) {
      throw new AshlarError(
        'PERMISSION_DENIED',
        `only region ${region} may pull from this node, not ${JSON.stringify(request.site)}`,
        { field: 'site' },
      )
    }
    const { snapshotId, baseSnapshotId } = request
    return await native.openCutSource(pool, {
      snapshotId,
      ...(baseSnapshotId === undefined ? {} : { baseSnapshotId }),
    })
  }
}
