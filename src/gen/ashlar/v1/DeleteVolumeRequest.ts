// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteVolumeRequest {
  'volume'?: (string);
  'etag'?: (string);
  'requestId'?: (string);
}

export interface DeleteVolumeRequest__Output {
  'volume': (string);
  'etag': (string);
  'requestId': (string);
}
