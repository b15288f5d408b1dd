// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface CloneProgress {
  'cloneId'?: (string);
  'doneBytes'?: (number | string | Long);
  'totalBytes'?: (number | string | Long);
  'trouble'?: (string);
}

export interface CloneProgress__Output {
  'cloneId': (string);
  'doneBytes': (string);
  'totalBytes': (string);
  'trouble': (string);
}
