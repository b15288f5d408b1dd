// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteSnapshotRequest {
  'snapshot'?: (string);
  'etag'?: (string);
  'requestId'?: (string);
}

export interface DeleteSnapshotRequest__Output {
  'snapshot': (string);
  'etag': (string);
  'requestId': (string);
}
