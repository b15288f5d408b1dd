// Generated from proto/ by scripts/gen-proto.mjs.


export interface ForgetTombstoneRequest {
  'id'?: (string);
}

export interface ForgetTombstoneRequest__Output {
  'id': (string);
}
