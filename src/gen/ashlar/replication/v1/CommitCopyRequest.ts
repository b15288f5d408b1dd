// Generated from proto/ by scripts/gen-proto.mjs.


export interface CommitCopyRequest {
  'copyId'?: (string);
  'region'?: (string);
  'copyName'?: (string);
}

export interface CommitCopyRequest__Output {
  'copyId': (string);
  'region': (string);
  'copyName': (string);
}
