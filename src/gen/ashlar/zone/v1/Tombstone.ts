// Generated from proto/ by scripts/gen-proto.mjs.

import type { TombstoneKind as _ashlar_zone_v1_TombstoneKind, TombstoneKind__Output as _ashlar_zone_v1_TombstoneKind__Output } from '../../../ashlar/zone/v1/TombstoneKind.js';

export interface Tombstone {
  'id'?: (string);
  'kind'?: (_ashlar_zone_v1_TombstoneKind);
}

export interface Tombstone__Output {
  'id': (string);
  'kind': (_ashlar_zone_v1_TombstoneKind__Output);
}
