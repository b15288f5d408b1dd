// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface Revision {
  'bootId'?: (string);
  'number'?: (number | string | Long);
}

export interface Revision__Output {
  'bootId': (string);
  'number': (string);
}
