// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetAttachmentRequest {
  'attachment'?: (string);
}

export interface GetAttachmentRequest__Output {
  'attachment': (string);
}
