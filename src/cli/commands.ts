// Every command, in the order of the overview.

import type { CommandSpec } from './command.js'
import { attach } from './commands/attach.js'
import { attachment } from './commands/attachment.js'
import { attachments } from './commands/attachments.js'
import { detach } from './commands/detach.js'
import { poolCheck } from './commands/pool-check.js'
import { poolCreate } from './commands/pool-create.js'
import { poolGrow } from './commands/pool-grow.js'
import { regions } from './commands/regions.js'
import { snapshotCloneCreate } from './commands/snapshot-clone-create.js'
import { snapshotCloneDelete } from './commands/snapshot-clone-delete.js'
import { snapshotClone } from './commands/snapshot-clone.js'
import { snapshotClones } from './commands/snapshot-clones.js'
import { snapshotCreate } from './commands/snapshot-create.js'
import { snapshotDelete } from './commands/snapshot-delete.js'
import { snapshotUpdate } from './commands/snapshot-update.js'
import { snapshot } from './commands/snapshot.js'
import { snapshotsDelete } from './commands/snapshots-delete.js'
import { snapshots } from './commands/snapshots.js'
import { storeCollect } from './commands/store-collect.js'
import { storeCheck } from './commands/store-check.js'
import { storeRebuildIndex } from './commands/store-rebuild-index.js'
import { storeRebuildCatalog } from './commands/store-rebuild-catalog.js'
import { storeStats } from './commands/store-stats.js'
import { verify } from './commands/verify.js'
import { volumeCreate } from './commands/volume-create.js'
import { volumeDelete } from './commands/volume-delete.js'
import { volumeUpdate } from './commands/volume-update.js'
import { volume } from './commands/volume.js'
import { volumes } from './commands/volumes.js'
import { zoneForget } from './commands/zone-forget.js'
import { zones } from './commands/zones.js'

export const commands: readonly CommandSpec[] = [
  volumeCreate,
  volumes,
  volume,
  volumeUpdate,
  volumeDelete,
  attach,
  detach,
  attachments,
  attachment,
  snapshotCreate,
  snapshots,
  snapshot,
  snapshotUpdate,
  snapshotDelete,
  snapshotsDelete,
  snapshotCloneCreate,
  snapshotClones,
  snapshotClone,
  snapshotCloneDelete,
  zones,
  regions,
  zoneForget,
  poolGrow,
  storeStats,
  storeCollect,
  verify,
  poolCreate,
  poolCheck,
  storeCheck,
  storeRebuildIndex,
  storeRebuildCatalog,
]
