// Generated from proto/ by scripts/gen-proto.mjs.

import type { Zone as _ashlar_v1_Zone, Zone__Output as _ashlar_v1_Zone__Output } from '../../ashlar/v1/Zone.js';

export interface ListZonesResponse {
  'zones'?: (_ashlar_v1_Zone)[];
}

export interface ListZonesResponse__Output {
  'zones': (_ashlar_v1_Zone__Output)[];
}
