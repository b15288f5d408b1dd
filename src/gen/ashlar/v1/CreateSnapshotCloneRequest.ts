// Generated from proto/ by scripts/gen-proto.mjs.


export interface CreateSnapshotCloneRequest {
  'snapshot'?: (string);
  'zone'?: (string);
  'requestId'?: (string);
}

export interface CreateSnapshotCloneRequest__Output {
  'snapshot': (string);
  'zone': (string);
  'requestId': (string);
}
