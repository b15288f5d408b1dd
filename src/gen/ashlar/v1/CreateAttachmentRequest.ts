// Generated from proto/ by scripts/gen-proto.mjs.


export interface CreateAttachmentRequest {
  'volume'?: (string);
  'host'?: (string);
  'readOnly'?: (boolean);
  'wantTcp'?: (boolean);
  'requestId'?: (string);
}

export interface CreateAttachmentRequest__Output {
  'volume': (string);
  'host': (string);
  'readOnly': (boolean);
  'wantTcp': (boolean);
  'requestId': (string);
}
