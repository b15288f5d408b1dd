// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteAttachmentRequest {
  'attachmentId'?: (string);
  'graceMilliseconds'?: (number);
}

export interface DeleteAttachmentRequest__Output {
  'attachmentId': (string);
  'graceMilliseconds': (number);
}
