// Generated from proto/ by scripts/gen-proto.mjs.


export interface AuditCutResponse {
  'rootHex'?: (string);
}

export interface AuditCutResponse__Output {
  'rootHex': (string);
}
