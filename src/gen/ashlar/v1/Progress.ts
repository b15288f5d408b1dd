// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface Progress {
  'doneBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
  'percent'?: (number);
  'bytesPerSecond'?: (number | string | Long);
}

export interface Progress__Output {
  'doneBytes': (string);
  'totalBytes': (string);
  'percent': (number);
  'bytesPerSecond': (string);
}
