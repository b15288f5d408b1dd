// Generated from proto/ by scripts/gen-proto.mjs.

import type { LifecycleState as _ashlar_v1_LifecycleState, LifecycleState__Output as _ashlar_v1_LifecycleState__Output } from '../../ashlar/v1/LifecycleState.js';
import type { Reason as _ashlar_v1_Reason, Reason__Output as _ashlar_v1_Reason__Output } from '../../ashlar/v1/Reason.js';
import type { Progress as _ashlar_v1_Progress, Progress__Output as _ashlar_v1_Progress__Output } from '../../ashlar/v1/Progress.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.js';
import type { VolumeReference as _ashlar_v1_VolumeReference, VolumeReference__Output as _ashlar_v1_VolumeReference__Output } from '../../ashlar/v1/VolumeReference.js';
import type { OperatingSystem as _ashlar_v1_OperatingSystem, OperatingSystem__Output as _ashlar_v1_OperatingSystem__Output } from '../../ashlar/v1/OperatingSystem.js';
import type { ImageReference as _ashlar_v1_ImageReference, ImageReference__Output as _ashlar_v1_ImageReference__Output } from '../../ashlar/v1/ImageReference.js';
import type { SnapshotClone as _ashlar_v1_SnapshotClone, SnapshotClone__Output as _ashlar_v1_SnapshotClone__Output } from '../../ashlar/v1/SnapshotClone.js';
import type { SnapshotCopy as _ashlar_v1_SnapshotCopy, SnapshotCopy__Output as _ashlar_v1_SnapshotCopy__Output } from '../../ashlar/v1/SnapshotCopy.js';
import type { SnapshotReference as _ashlar_v1_SnapshotReference, SnapshotReference__Output as _ashlar_v1_SnapshotReference__Output } from '../../ashlar/v1/SnapshotReference.js';
import type { EncryptionType as _ashlar_v1_EncryptionType, EncryptionType__Output as _ashlar_v1_EncryptionType__Output } from '../../ashlar/v1/EncryptionType.js';
import type { Long } from '@grpc/proto-loader';

export interface Snapshot {
  'id'?: (string);
  'crn'?: (string);
  'name'?: (string);
  'etag'?: (string);
  'lifecycleState'?: (_ashlar_v1_LifecycleState);
  'lifecycleReasons'?: (_ashlar_v1_Reason)[];
  'progress'?: (_ashlar_v1_Progress | null);
  'createdAt'?: (_google_protobuf_Timestamp | null);
  'capturedAt'?: (_google_protobuf_Timestamp | null);
  'minimumCapacityBytes'?: (number | string | Long);
  'storedBytes'?: (number | string | Long);
  'sourceVolume'?: (_ashlar_v1_VolumeReference | null);
  'root'?: (string);
  'userTags'?: (string)[];
  'resourceGroup'?: (string);
  'bootable'?: (boolean);
  'operatingSystem'?: (_ashlar_v1_OperatingSystem | null);
  'sourceImage'?: (_ashlar_v1_ImageReference | null);
  'clones'?: (_ashlar_v1_SnapshotClone)[];
  'copies'?: (_ashlar_v1_SnapshotCopy)[];
  'sourceSnapshot'?: (_ashlar_v1_SnapshotReference | null);
  'deletable'?: (boolean);
  'serviceTags'?: (string)[];
  'encryption'?: (_ashlar_v1_EncryptionType);
  'encryptionKeyCrn'?: (string);
  'logicalBytes'?: (number | string | Long);
  'transferredBytes'?: (number | string | Long);
}

export interface Snapshot__Output {
  'id': (string);
  'crn': (string);
  'name': (string);
  'etag': (string);
  'lifecycleState': (_ashlar_v1_LifecycleState__Output);
  'lifecycleReasons': (_ashlar_v1_Reason__Output)[];
  'progress': (_ashlar_v1_Progress__Output | null);
  'createdAt': (_google_protobuf_Timestamp__Output | null);
  'capturedAt': (_google_protobuf_Timestamp__Output | null);
  'minimumCapacityBytes': (string);
  'storedBytes': (string);
  'sourceVolume': (_ashlar_v1_VolumeReference__Output | null);
  'root': (string);
  'userTags': (string)[];
  'resourceGroup': (string);
  'bootable': (boolean);
  'operatingSystem': (_ashlar_v1_OperatingSystem__Output | null);
  'sourceImage': (_ashlar_v1_ImageReference__Output | null);
  'clones': (_ashlar_v1_SnapshotClone__Output)[];
  'copies': (_ashlar_v1_SnapshotCopy__Output)[];
  'sourceSnapshot': (_ashlar_v1_SnapshotReference__Output | null);
  'deletable': (boolean);
  'serviceTags': (string)[];
  'encryption': (_ashlar_v1_EncryptionType__Output);
  'encryptionKeyCrn': (string);
  'logicalBytes': (string);
  'transferredBytes': (string);
}
