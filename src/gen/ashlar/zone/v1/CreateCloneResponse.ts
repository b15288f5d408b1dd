// Generated from proto/ by scripts/gen-proto.mjs.

import type { Revision as _ashlar_zone_v1_Revision, Revision__Output as _ashlar_zone_v1_Revision__Output } from '../../../ashlar/zone/v1/Revision.js';

export interface CreateCloneResponse {
  'revision'?: (_ashlar_zone_v1_Revision | null);
}

export interface CreateCloneResponse__Output {
  'revision': (_ashlar_zone_v1_Revision__Output | null);
}
