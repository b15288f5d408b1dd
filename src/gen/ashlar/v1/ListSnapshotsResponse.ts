// Generated from proto/ by scripts/gen-proto.mjs.

import type { Snapshot as _ashlar_v1_Snapshot, Snapshot__Output as _ashlar_v1_Snapshot__Output } from '../../ashlar/v1/Snapshot.js';

export interface ListSnapshotsResponse {
  'snapshots'?: (_ashlar_v1_Snapshot)[];
  'nextPageToken'?: (string);
  'totalCount'?: (number);
}

export interface ListSnapshotsResponse__Output {
  'snapshots': (_ashlar_v1_Snapshot__Output)[];
  'nextPageToken': (string);
  'totalCount': (number);
}
