// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetSnapshotCloneRequest {
  'snapshot'?: (string);
  'zone'?: (string);
}

export interface GetSnapshotCloneRequest__Output {
  'snapshot': (string);
  'zone': (string);
}
