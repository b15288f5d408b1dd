// Generated from proto/ by scripts/gen-proto.mjs.


export interface CutMember {
  'volumeId'?: (string);
  'snapshotId'?: (string);
}

export interface CutMember__Output {
  'volumeId': (string);
  'snapshotId': (string);
}
