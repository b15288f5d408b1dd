// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface GrowVolumeRequest {
  'volumeId'?: (string);
  'bytes'?: (number | string | Long);
}

export interface GrowVolumeRequest__Output {
  'volumeId': (string);
  'bytes': (string);
}
