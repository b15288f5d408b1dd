// Generated from proto/ by scripts/gen-proto.mjs.


export interface CreateAttachmentRequest {
  'attachmentId'?: (string);
  'volumeId'?: (string);
  'host'?: (string);
  'readOnly'?: (boolean);
}

export interface CreateAttachmentRequest__Output {
  'attachmentId': (string);
  'volumeId': (string);
  'host': (string);
  'readOnly': (boolean);
}
