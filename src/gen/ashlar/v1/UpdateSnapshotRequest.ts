// Generated from proto/ by scripts/gen-proto.mjs.

import type { FieldMask as _google_protobuf_FieldMask, FieldMask__Output as _google_protobuf_FieldMask__Output } from '../../google/protobuf/FieldMask.js';

export interface UpdateSnapshotRequest {
  'snapshot'?: (string);
  'updateMask'?: (_google_protobuf_FieldMask | null);
  'name'?: (string);
  'userTags'?: (string)[];
  'etag'?: (string);
  'requestId'?: (string);
}

export interface UpdateSnapshotRequest__Output {
  'snapshot': (string);
  'updateMask': (_google_protobuf_FieldMask__Output | null);
  'name': (string);
  'userTags': (string)[];
  'etag': (string);
  'requestId': (string);
}
