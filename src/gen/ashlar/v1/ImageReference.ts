// Generated from proto/ by scripts/gen-proto.mjs.


export interface ImageReference {
  'id'?: (string);
  'crn'?: (string);
  'name'?: (string);
}

export interface ImageReference__Output {
  'id': (string);
  'crn': (string);
  'name': (string);
}
