// Generated from proto/ by scripts/gen-proto.mjs.

import type { Origin as _ashlar_zone_v1_Origin, Origin__Output as _ashlar_zone_v1_Origin__Output } from '../../../ashlar/zone/v1/Origin.js';

export interface CreateCloneRequest {
  'cloneId'?: (string);
  'snapshotId'?: (string);
  'origin'?: (_ashlar_zone_v1_Origin | null);
  'baseSnapshotId'?: (string);
}

export interface CreateCloneRequest__Output {
  'cloneId': (string);
  'snapshotId': (string);
  'origin': (_ashlar_zone_v1_Origin__Output | null);
  'baseSnapshotId': (string);
}
