// Generated from proto/ by scripts/gen-proto.mjs.

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Progress as _ashlar_v1_Progress, Progress__Output as _ashlar_v1_Progress__Output } from '../../ashlar/v1/Progress.js';
import type { Reason as _ashlar_v1_Reason, Reason__Output as _ashlar_v1_Reason__Output } from '../../ashlar/v1/Reason.js';

export interface SnapshotClone {
  'zone'?: (string);
  'available'?: (boolean);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'progress'?: (_ashlar_v1_Progress | null);
  'reasons'?: (_ashlar_v1_Reason)[];
}

export interface SnapshotClone__Output {
  'zone': (string);
  'available': (boolean);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'progress': (_ashlar_v1_Progress__Output | null);
  'reasons': (_ashlar_v1_Reason__Output)[];
}
