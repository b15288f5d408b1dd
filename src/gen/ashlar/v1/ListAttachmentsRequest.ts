// Generated from proto/ by scripts/gen-proto.mjs.


export interface ListAttachmentsRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
  'volume'?: (string);
  'host'?: (string);
  'zone'?: (string);
}

export interface ListAttachmentsRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
  'volume': (string);
  'host': (string);
  'zone': (string);
}
