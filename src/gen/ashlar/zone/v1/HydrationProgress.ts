// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface HydrationProgress {
  'volumeId'?: (string);
  'doneBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
  'trouble'?: (string);
}

export interface HydrationProgress__Output {
  'volumeId': (string);
  'doneBytes': (string);
  'totalBytes': (string);
  'trouble': (string);
}
