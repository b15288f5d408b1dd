// Generated from proto/ by scripts/gen-proto.mjs.


export interface AttachmentRecord {
  'attachmentId'?: (string);
  'volumeId'?: (string);
  'host'?: (string);
  'readOnly'?: (boolean);
  'detaching'?: (boolean);
  'connections'?: (number);
}

export interface AttachmentRecord__Output {
  'attachmentId': (string);
  'volumeId': (string);
  'host': (string);
  'readOnly': (boolean);
  'detaching': (boolean);
  'connections': (number);
}
