// How large a node's pool may become: what its configuration says, taken at each start and whenever an
// operator asks. It only grows.

import { formatBytes } from '../../base/bytes.js'
import { AshlarError } from '../../base/error.js'
import { limits } from '../../base/limits.js'
import type { Binding, PoolHandle } from '../../native/binding.js'
import type { PoolGrowth } from '../zone-control.js'

export interface PoolSetting {
  readonly poolFile: string
  /** `pool_capacity`; undefined: all of a block device, and of a file what it may have already. */
  readonly poolCapacityBytes: bigint | undefined
}

/** Throws FAILED_PRECONDITION, with both sizes, when the setting is less than the pool has. */
export async function growPool(
  native: Binding,
  pool: PoolHandle,
  { poolFile, poolCapacityBytes: wanted }: PoolSetting,
): Promise<PoolGrowth> {
  const { capacityBytes: capacityBeforeBytes } = native.poolStats(pool)
  if (
    wanted !== undefined &&
    wanted / limits.blockBytes < capacityBeforeBytes / limits.blockBytes
  ) {
    throw new AshlarError(
      'FAILED_PRECONDITION',
      `${poolFile}: pool_capacity is ${exact(wanted)}, less than the ${exact(capacityBeforeBytes)} ` +
        'that the pool has; a pool does not shrink: set at least that, or make a new pool',
    )
  }
  await native.growPool(pool, wanted === undefined ? {} : { capacityBytes: wanted })
  const { capacityBytes } = native.poolStats(pool)
  return { capacityBytes, capacityBeforeBytes }
}

const exact = (bytes: bigint): string => `${formatBytes(bytes)} (${bytes} bytes)`
