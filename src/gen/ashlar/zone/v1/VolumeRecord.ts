// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface VolumeRecord {
  'volumeId'?: (string);
  'bytes'?: (number | string | Long);
  'originSnapshotId'?: (string);
  'hydrated'?: (boolean);
}

export interface VolumeRecord__Output {
  'volumeId': (string);
  'bytes': (string);
  'originSnapshotId': (string);
  'hydrated': (boolean);
}
