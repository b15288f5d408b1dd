// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface Opened {
  'volumeBytes'?: (number | string | Long);
  'manifest'?: (Buffer | Uint8Array | string);
  'baseAgreed'?: (boolean);
}

export interface Opened__Output {
  'volumeBytes': (string);
  'manifest': (Buffer);
  'baseAgreed': (boolean);
}
