// Generated from proto/ by scripts/gen-proto.mjs.

import type { VolumeReference as _ashlar_v1_VolumeReference, VolumeReference__Output as _ashlar_v1_VolumeReference__Output } from '../../ashlar/v1/VolumeReference.js';
import type { AttachmentLifecycleState as _ashlar_v1_AttachmentLifecycleState, AttachmentLifecycleState__Output as _ashlar_v1_AttachmentLifecycleState__Output } from '../../ashlar/v1/AttachmentLifecycleState.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { Long } from '@grpc/proto-loader';

export interface Attachment {
  'id'?: (string);
  'volume'?: (_ashlar_v1_VolumeReference | null);
  'zone'?: (string);
  'host'?: (string);
  'readOnly'?: (boolean);
  'lifecycleState'?: (_ashlar_v1_AttachmentLifecycleState);
  'nbdUnixUri'?: (string);
  'nbdTcpUri'?: (string);
  'deviceBytes'?: (number | string | Long);
  'connections'?: (number);
  'createdAt'?: (_google_protobuf_Timestamp | null);
}

export interface Attachment__Output {
  'id': (string);
  'volume': (_ashlar_v1_VolumeReference__Output | null);
  'zone': (string);
  'host': (string);
  'readOnly': (boolean);
  'lifecycleState': (_ashlar_v1_AttachmentLifecycleState__Output);
  'nbdUnixUri': (string);
  'nbdTcpUri': (string);
  'deviceBytes': (string);
  'connections': (number);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
}
