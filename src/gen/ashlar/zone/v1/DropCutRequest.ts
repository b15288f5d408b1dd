// Generated from proto/ by scripts/gen-proto.mjs.


export interface DropCutRequest {
  'snapshotId'?: (string);
}

export interface DropCutRequest__Output {
  'snapshotId': (string);
}
