// Generated from proto/ by scripts/gen-proto.mjs.

import type { Origin as _ashlar_zone_v1_Origin, Origin__Output as _ashlar_zone_v1_Origin__Output } from '../../../ashlar/zone/v1/Origin.js';
import type { Long } from '@grpc/proto-loader';

export interface CreateVolumeRequest {
  'volumeId'?: (string);
  'bytes'?: (number | string | Long);
  'cutSnapshotId'?: (string);
  'origin'?: (_ashlar_zone_v1_Origin | null);
  'source'?: "cutSnapshotId"|"origin";
}

export interface CreateVolumeRequest__Output {
  'volumeId': (string);
  'bytes': (string);
  'cutSnapshotId'?: (string);
  'origin'?: (_ashlar_zone_v1_Origin__Output | null);
  'source'?: "cutSnapshotId"|"origin";
}
