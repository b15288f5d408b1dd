// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface GrowPoolResponse {
  'capacityBytes'?: (number | string | Long);
  'capacityBeforeBytes'?: (number | string | Long);
}

export interface GrowPoolResponse__Output {
  'capacityBytes': (string);
  'capacityBeforeBytes': (string);
}
