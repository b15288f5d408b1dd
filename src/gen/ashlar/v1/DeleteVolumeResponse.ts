// Generated from proto/ by scripts/gen-proto.mjs.

import type { Volume as _ashlar_v1_Volume, Volume__Output as _ashlar_v1_Volume__Output } from '../../ashlar/v1/Volume.js';

export interface DeleteVolumeResponse {
  'volume'?: (_ashlar_v1_Volume | null);
}

export interface DeleteVolumeResponse__Output {
  'volume': (_ashlar_v1_Volume__Output | null);
}
