// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteCloneRequest {
  'cloneId'?: (string);
}

export interface DeleteCloneRequest__Output {
  'cloneId': (string);
}
