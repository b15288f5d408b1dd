// Generated from proto/ by scripts/gen-proto.mjs.


export interface Reason {
  'code'?: (string);
  'message'?: (string);
}

export interface Reason__Output {
  'code': (string);
  'message': (string);
}
