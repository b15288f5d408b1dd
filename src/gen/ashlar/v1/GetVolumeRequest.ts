// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetVolumeRequest {
  'volume'?: (string);
}

export interface GetVolumeRequest__Output {
  'volume': (string);
}
