// Generated from proto/ by scripts/gen-proto.mjs.

import type { FieldMask as _google_protobuf_FieldMask, FieldMask__Output as _google_protobuf_FieldMask__Output } from '../../google/protobuf/FieldMask.js';
import type { Long } from '@grpc/proto-loader';

export interface UpdateVolumeRequest {
  'volume'?: (string);
  'updateMask'?: (_google_protobuf_FieldMask | null);
  'name'?: (string);
  'userTags'?: (string)[];
  'capacityBytes'?: (number | string | Long);
  'etag'?: (string);
  'requestId'?: (string);
}

export interface UpdateVolumeRequest__Output {
  'volume': (string);
  'updateMask': (_google_protobuf_FieldMask__Output | null);
  'name': (string);
  'userTags': (string)[];
  'capacityBytes': (string);
  'etag': (string);
  'requestId': (string);
}
