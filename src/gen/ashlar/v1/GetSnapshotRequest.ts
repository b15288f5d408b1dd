// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetSnapshotRequest {
  'snapshot'?: (string);
}

export interface GetSnapshotRequest__Output {
  'snapshot': (string);
}
