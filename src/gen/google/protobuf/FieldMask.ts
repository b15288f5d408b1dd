// Generated from proto/ by scripts/gen-proto.mjs.


export interface FieldMask {
  'paths'?: (string)[];
}

export interface FieldMask__Output {
  'paths': (string)[];
}
