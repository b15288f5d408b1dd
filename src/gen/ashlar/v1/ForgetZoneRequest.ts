// Generated from proto/ by scripts/gen-proto.mjs.


export interface ForgetZoneRequest {
  'zone'?: (string);
}

export interface ForgetZoneRequest__Output {
  'zone': (string);
}
