// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface CutRecord {
  'snapshotId'?: (string);
  'volumeId'?: (string);
  'epoch'?: (number | string | Long);
  'bytes'?: (number | string | Long);
  'capturedNanoseconds'?: (number | string | Long);
  'hidden'?: (boolean);
  'sealed'?: (boolean);
  'rootHex'?: (string);
}

export interface CutRecord__Output {
  'snapshotId': (string);
  'volumeId': (string);
  'epoch': (string);
  'bytes': (string);
  'capturedNanoseconds': (string);
  'hidden': (boolean);
  'sealed': (boolean);
  'rootHex': (string);
}
