// Generated from proto/ by scripts/gen-proto.mjs.

import type { Attachment as _ashlar_v1_Attachment, Attachment__Output as _ashlar_v1_Attachment__Output } from '../../ashlar/v1/Attachment.js';

export interface DeleteAttachmentResponse {
  'attachment'?: (_ashlar_v1_Attachment | null);
}

export interface DeleteAttachmentResponse__Output {
  'attachment': (_ashlar_v1_Attachment__Output | null);
}
