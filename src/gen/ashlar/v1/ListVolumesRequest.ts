// Generated from proto/ by scripts/gen-proto.mjs.

import type { VolumeAttachmentState as _ashlar_v1_VolumeAttachmentState, VolumeAttachmentState__Output as _ashlar_v1_VolumeAttachmentState__Output } from '../../ashlar/v1/VolumeAttachmentState.js';

export interface ListVolumesRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
  'name'?: (string);
  'zone'?: (string);
  'userTag'?: (string);
  'attachmentState'?: (_ashlar_v1_VolumeAttachmentState);
  'resourceGroup'?: (string);
  'sourceSnapshot'?: (string);
}

export interface ListVolumesRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
  'name': (string);
  'zone': (string);
  'userTag': (string);
  'attachmentState': (_ashlar_v1_VolumeAttachmentState__Output);
  'resourceGroup': (string);
  'sourceSnapshot': (string);
}
