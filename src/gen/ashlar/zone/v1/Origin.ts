// Generated from proto/ by scripts/gen-proto.mjs.


export interface Origin {
  'snapshotId'?: (string);
  'manifest'?: (Buffer | Uint8Array | string);
  'pinId'?: (string);
}

export interface Origin__Output {
  'snapshotId': (string);
  'manifest': (Buffer);
  'pinId': (string);
}
