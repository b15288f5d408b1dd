// Generated from proto/ by scripts/gen-proto.mjs.


export interface VolumeReference {
  'id'?: (string);
  'crn'?: (string);
  'name'?: (string);
  'deleted'?: (boolean);
  'remoteRegion'?: (string);
}

export interface VolumeReference__Output {
  'id': (string);
  'crn': (string);
  'name': (string);
  'deleted': (boolean);
  'remoteRegion': (string);
}
