// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteSnapshotCloneRequest {
  'snapshot'?: (string);
  'zone'?: (string);
  'requestId'?: (string);
}

export interface DeleteSnapshotCloneRequest__Output {
  'snapshot': (string);
  'zone': (string);
  'requestId': (string);
}
