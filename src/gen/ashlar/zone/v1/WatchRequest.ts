// Generated from proto/ by scripts/gen-proto.mjs.


export interface WatchRequest {
  'region'?: (string);
}

export interface WatchRequest__Output {
  'region': (string);
}
