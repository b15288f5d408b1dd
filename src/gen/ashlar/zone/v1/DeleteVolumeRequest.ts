// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteVolumeRequest {
  'volumeId'?: (string);
}

export interface DeleteVolumeRequest__Output {
  'volumeId': (string);
}
