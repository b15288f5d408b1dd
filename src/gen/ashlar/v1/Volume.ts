// Generated from proto/ by scripts/gen-proto.mjs.

import type { VolumeStatus as _ashlar_v1_VolumeStatus, VolumeStatus__Output as _ashlar_v1_VolumeStatus__Output } from '../../ashlar/v1/VolumeStatus.js';
import type { Reason as _ashlar_v1_Reason, Reason__Output as _ashlar_v1_Reason__Output } from '../../ashlar/v1/Reason.js';
import type { VolumeHealthState as _ashlar_v1_VolumeHealthState, VolumeHealthState__Output as _ashlar_v1_VolumeHealthState__Output } from '../../ashlar/v1/VolumeHealthState.js';
import type { VolumeAttachmentState as _ashlar_v1_VolumeAttachmentState, VolumeAttachmentState__Output as _ashlar_v1_VolumeAttachmentState__Output } from '../../ashlar/v1/VolumeAttachmentState.js';
import type { SnapshotReference as _ashlar_v1_SnapshotReference, SnapshotReference__Output as _ashlar_v1_SnapshotReference__Output } from '../../ashlar/v1/SnapshotReference.js';
import type { Progress as _ashlar_v1_Progress, Progress__Output as _ashlar_v1_Progress__Output } from '../../ashlar/v1/Progress.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { OperatingSystem as _ashlar_v1_OperatingSystem, OperatingSystem__Output as _ashlar_v1_OperatingSystem__Output } from '../../ashlar/v1/OperatingSystem.js';
import type { ImageReference as _ashlar_v1_ImageReference, ImageReference__Output as _ashlar_v1_ImageReference__Output } from '../../ashlar/v1/ImageReference.js';
import type { Long } from '@grpc/proto-loader';

export interface Volume {
  'id'?: (string);
  'crn'?: (string);
  'name'?: (string);
  'etag'?: (string);
  'zone'?: (string);
  'status'?: (_ashlar_v1_VolumeStatus);
  'statusReasons'?: (_ashlar_v1_Reason)[];
  'healthState'?: (_ashlar_v1_VolumeHealthState);
  'healthReasons'?: (_ashlar_v1_Reason)[];
  'attachmentState'?: (_ashlar_v1_VolumeAttachmentState);
  'capacityBytes'?: (number | string | Long);
  'sourceSnapshot'?: (_ashlar_v1_SnapshotReference | null);
  'hydration'?: (_ashlar_v1_Progress | null);
  'attachmentIds'?: (string)[];
  'userTags'?: (string)[];
  'resourceGroup'?: (string);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'operatingSystem'?: (_ashlar_v1_OperatingSystem | null);
  'sourceImage'?: (_ashlar_v1_ImageReference | null);
}

export interface Volume__Output {
  'id': (string);
  'crn': (string);
  'name': (string);
  'etag': (string);
  'zone': (string);
  'status': (_ashlar_v1_VolumeStatus__Output);
  'statusReasons': (_ashlar_v1_Reason__Output)[];
  'healthState': (_ashlar_v1_VolumeHealthState__Output);
  'healthReasons': (_ashlar_v1_Reason__Output)[];
  'attachmentState': (_ashlar_v1_VolumeAttachmentState__Output);
  'capacityBytes': (string);
  'sourceSnapshot': (_ashlar_v1_SnapshotReference__Output | null);
  'hydration': (_ashlar_v1_Progress__Output | null);
  'attachmentIds': (string)[];
  'userTags': (string)[];
  'resourceGroup': (string);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'operatingSystem': (_ashlar_v1_OperatingSystem__Output | null);
  'sourceImage': (_ashlar_v1_ImageReference__Output | null);
}
