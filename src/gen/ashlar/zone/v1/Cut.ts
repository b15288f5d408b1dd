// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface Cut {
  'snapshotId'?: (string);
  'volumeId'?: (string);
  'epoch'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'capturedNanoseconds'?: (number | string | Long);
}

export interface Cut__Output {
  'snapshotId': (string);
  'volumeId': (string);
  'epoch': (string);
  'bytes': (string);
  'capturedNanoseconds': (string);
}
