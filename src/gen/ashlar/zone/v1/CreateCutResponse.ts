// Generated from proto/ by scripts/gen-proto.mjs.

import type { Revision as _ashlar_zone_v1_Revision, Revision__Output as _ashlar_zone_v1_Revision__Output } from '../../../ashlar/zone/v1/Revision.js';
import type { Cut as _ashlar_zone_v1_Cut, Cut__Output as _ashlar_zone_v1_Cut__Output } from '../../../ashlar/zone/v1/Cut.js';

export interface CreateCutResponse {
  'revision'?: (_ashlar_zone_v1_Revision | null);
  'cuts'?: (_ashlar_zone_v1_Cut)[];
}

export interface CreateCutResponse__Output {
  'revision': (_ashlar_zone_v1_Revision__Output | null);
  'cuts': (_ashlar_zone_v1_Cut__Output)[];
}
