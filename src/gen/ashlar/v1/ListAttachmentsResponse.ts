// Generated from proto/ by scripts/gen-proto.mjs.

import type { Attachment as _ashlar_v1_Attachment, Attachment__Output as _ashlar_v1_Attachment__Output } from '../../ashlar/v1/Attachment.js';

export interface ListAttachmentsResponse {
  'attachments'?: (_ashlar_v1_Attachment)[];
  'nextPageToken'?: (string);
  'totalCount'?: (number);
}

export interface ListAttachmentsResponse__Output {
  'attachments': (_ashlar_v1_Attachment__Output)[];
  'nextPageToken': (string);
  'totalCount': (number);
}
