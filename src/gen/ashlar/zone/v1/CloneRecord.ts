// Generated from proto/ by scripts/gen-proto.mjs.


export interface CloneRecord {
  'cloneId'?: (string);
  'snapshotId'?: (string);
  'available'?: (boolean);
}

export interface CloneRecord__Output {
  'cloneId': (string);
  'snapshotId': (string);
  'available': (boolean);
}
