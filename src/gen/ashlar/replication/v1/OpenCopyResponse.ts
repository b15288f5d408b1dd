// Generated from proto/ by scripts/gen-proto.mjs.


export interface OpenCopyResponse {
  'pinId'?: (string);
  'manifest'?: (Buffer | Uint8Array | string);
  'snapshotId'?: (string);
  'description'?: (string);
}

export interface OpenCopyResponse__Output {
  'pinId': (string);
  'manifest': (Buffer);
  'snapshotId': (string);
  'description': (string);
}
