// Generated from proto/ by scripts/gen-proto.mjs.

import type { RegionStatus as _ashlar_v1_RegionStatus, RegionStatus__Output as _ashlar_v1_RegionStatus__Output } from '../../ashlar/v1/RegionStatus.js';

export interface Region {
  'name'?: (string);
  'number'?: (number);
  'status'?: (_ashlar_v1_RegionStatus);
  'endpoint'?: (string);
  'local'?: (boolean);
  'account'?: (string);
}

export interface Region__Output {
  'name': (string);
  'number': (number);
  'status': (_ashlar_v1_RegionStatus__Output);
  'endpoint': (string);
  'local': (boolean);
  'account': (string);
}
