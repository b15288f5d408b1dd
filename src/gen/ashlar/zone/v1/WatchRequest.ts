// Generated from proto/ by scripts/gen-proto.mjs.


export interface WatchRequest {
  'region'?: (string);
  'changes'?: (boolean);
}

export interface WatchRequest__Output {
  'region': (string);
  'changes': (boolean);
}
