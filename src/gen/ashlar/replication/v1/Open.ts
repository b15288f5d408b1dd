// Generated from proto/ by scripts/gen-proto.mjs.


export interface Open {
  'snapshotId'?: (string);
  'baseSnapshotId'?: (string);
  'domainId'?: (Buffer | Uint8Array | string);
  'site'?: (string);
  'pinId'?: (string);
}

export interface Open__Output {
  'snapshotId': (string);
  'baseSnapshotId': (string);
  'domainId': (Buffer);
  'site': (string);
  'pinId': (string);
}
