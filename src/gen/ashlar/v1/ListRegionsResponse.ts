// Generated from proto/ by scripts/gen-proto.mjs.

import type { Region as _ashlar_v1_Region, Region__Output as _ashlar_v1_Region__Output } from '../../ashlar/v1/Region.js';

export interface ListRegionsResponse {
  'regions'?: (_ashlar_v1_Region)[];
}

export interface ListRegionsResponse__Output {
  'regions': (_ashlar_v1_Region__Output)[];
}
