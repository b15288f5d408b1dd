// Generated from proto/ by scripts/gen-proto.mjs.


export interface OpenCopyRequest {
  'copyId'?: (string);
  'snapshotCrn'?: (string);
  'region'?: (string);
  'copyCrn'?: (string);
  'copyName'?: (string);
}

export interface OpenCopyRequest__Output {
  'copyId': (string);
  'snapshotCrn': (string);
  'region': (string);
  'copyCrn': (string);
  'copyName': (string);
}
