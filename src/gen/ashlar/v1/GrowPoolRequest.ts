// Generated from proto/ by scripts/gen-proto.mjs.


export interface GrowPoolRequest {
  'node'?: (string);
}

export interface GrowPoolRequest__Output {
  'node': (string);
}
