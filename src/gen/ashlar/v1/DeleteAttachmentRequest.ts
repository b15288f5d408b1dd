// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteAttachmentRequest {
  'attachment'?: (string);
  'requestId'?: (string);
}

export interface DeleteAttachmentRequest__Output {
  'attachment': (string);
  'requestId': (string);
}
