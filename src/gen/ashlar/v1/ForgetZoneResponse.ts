// Generated from proto/ by scripts/gen-proto.mjs.


export interface ForgetZoneResponse {
  'pinsDropped'?: (number);
  'volumesForgotten'?: (number);
}

export interface ForgetZoneResponse__Output {
  'pinsDropped': (number);
  'volumesForgotten': (number);
}
