// Generated from proto/ by scripts/gen-proto.mjs.

import type { OperatingSystem as _ashlar_v1_OperatingSystem, OperatingSystem__Output as _ashlar_v1_OperatingSystem__Output } from '../../ashlar/v1/OperatingSystem.js';
import type { ImageReference as _ashlar_v1_ImageReference, ImageReference__Output as _ashlar_v1_ImageReference__Output } from '../../ashlar/v1/ImageReference.js';
import type { Long } from '@grpc/proto-loader';

export interface CreateVolumeRequest {
  'name'?: (string);
  'zone'?: (string);
  'capacityBytes'?: (number | string | Long);
  'sourceSnapshot'?: (string);
  'userTags'?: (string)[];
  'resourceGroup'?: (string);
  'requestId'?: (string);
  'operatingSystem'?: (_ashlar_v1_OperatingSystem | null);
  'sourceImage'?: (_ashlar_v1_ImageReference | null);
}

export interface CreateVolumeRequest__Output {
  'name': (string);
  'zone': (string);
  'capacityBytes': (string);
  'sourceSnapshot': (string);
  'userTags': (string)[];
  'resourceGroup': (string);
  'requestId': (string);
  'operatingSystem': (_ashlar_v1_OperatingSystem__Output | null);
  'sourceImage': (_ashlar_v1_ImageReference__Output | null);
}
