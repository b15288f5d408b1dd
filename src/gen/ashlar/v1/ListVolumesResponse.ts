// Generated from proto/ by scripts/gen-proto.mjs.

import type { Volume as _ashlar_v1_Volume, Volume__Output as _ashlar_v1_Volume__Output } from '../../ashlar/v1/Volume.js';

export interface ListVolumesResponse {
  'volumes'?: (_ashlar_v1_Volume)[];
  'nextPageToken'?: (string);
  'totalCount'?: (number);
}

export interface ListVolumesResponse__Output {
  'volumes': (_ashlar_v1_Volume__Output)[];
  'nextPageToken': (string);
  'totalCount': (number);
}
