// Generated from proto/ by scripts/gen-proto.mjs.

import type { SnapshotClone as _ashlar_v1_SnapshotClone, SnapshotClone__Output as _ashlar_v1_SnapshotClone__Output } from '../../ashlar/v1/SnapshotClone.js';

export interface ListSnapshotClonesResponse {
  'clones'?: (_ashlar_v1_SnapshotClone)[];
}

export interface ListSnapshotClonesResponse__Output {
  'clones': (_ashlar_v1_SnapshotClone__Output)[];
}
