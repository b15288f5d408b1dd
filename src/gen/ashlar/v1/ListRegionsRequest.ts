// Generated from proto/ by scripts/gen-proto.mjs.


export interface ListRegionsRequest {
  'name'?: (string);
}

export interface ListRegionsRequest__Output {
  'name': (string);
}
