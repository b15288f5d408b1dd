// Generated from proto/ by scripts/gen-proto.mjs.


export interface ReleaseCopyRequest {
  'copyId'?: (string);
  'region'?: (string);
}

export interface ReleaseCopyRequest__Output {
  'copyId': (string);
  'region': (string);
}
