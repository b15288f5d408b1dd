// Generated from proto/ by scripts/gen-proto.mjs.


export interface AuditCutRequest {
  'snapshotId'?: (string);
}

export interface AuditCutRequest__Output {
  'snapshotId': (string);
}
