// Generated from proto/ by scripts/gen-proto.mjs.


export interface Failed {
  'code'?: (string);
  'text'?: (string);
}

export interface Failed__Output {
  'code': (string);
  'text': (string);
}
