// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface Heartbeat {
  'poolGeneration'?: (number | string | Long);
}

export interface Heartbeat__Output {
  'poolGeneration': (string);
}
