// Generated from proto/ by scripts/gen-proto.mjs.

import type { CutMember as _ashlar_zone_v1_CutMember, CutMember__Output as _ashlar_zone_v1_CutMember__Output } from '../../../ashlar/zone/v1/CutMember.js';

export interface CreateCutRequest {
  'groupId'?: (string);
  'members'?: (_ashlar_zone_v1_CutMember)[];
}

export interface CreateCutRequest__Output {
  'groupId': (string);
  'members': (_ashlar_zone_v1_CutMember__Output)[];
}
