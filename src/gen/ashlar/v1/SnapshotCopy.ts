// Generated from proto/ by scripts/gen-proto.mjs.

import type { SnapshotReference as _ashlar_v1_SnapshotReference, SnapshotReference__Output as _ashlar_v1_SnapshotReference__Output } from '../../ashlar/v1/SnapshotReference.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';

export interface SnapshotCopy {
  'snapshot'?: (_ashlar_v1_SnapshotReference | null);
  'createdAt'?: (_google_protobuf_Timestamp | null);
}

export interface SnapshotCopy__Output {
  'snapshot': (_ashlar_v1_SnapshotReference__Output | null);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
}
