// Generated from proto/ by scripts/gen-proto.mjs.


export interface OriginRecord {
  'snapshotId'?: (string);
  'pinId'?: (string);
  'manifest'?: (Buffer | Uint8Array | string);
}

export interface OriginRecord__Output {
  'snapshotId': (string);
  'pinId': (string);
  'manifest': (Buffer);
}
