// Generated from proto/ by scripts/gen-proto.mjs.

import type { Snapshot as _ashlar_v1_Snapshot, Snapshot__Output as _ashlar_v1_Snapshot__Output } from '../../ashlar/v1/Snapshot.js';

export interface DeleteSnapshotResponse {
  'snapshot'?: (_ashlar_v1_Snapshot | null);
}

export interface DeleteSnapshotResponse__Output {
  'snapshot': (_ashlar_v1_Snapshot__Output | null);
}
