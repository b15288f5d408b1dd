// Generated from proto/ by scripts/gen-proto.mjs.


export interface SealedCutRequest {
  'snapshotId'?: (string);
  'rootHex'?: (string);
}

export interface SealedCutRequest__Output {
  'snapshotId': (string);
  'rootHex': (string);
}
