// Generated from proto/ by scripts/gen-proto.mjs.

import type { Open as _ashlar_replication_v1_Open, Open__Output as _ashlar_replication_v1_Open__Output } from '../../../ashlar/replication/v1/Open.js';
import type { Failed as _ashlar_replication_v1_Failed, Failed__Output as _ashlar_replication_v1_Failed__Output } from '../../../ashlar/replication/v1/Failed.js';

export interface PullRequest {
  'open'?: (_ashlar_replication_v1_Open | null);
  'failed'?: (_ashlar_replication_v1_Failed | null);
  'frames'?: (Buffer | Uint8Array | string);
}

export interface PullRequest__Output {
  'open': (_ashlar_replication_v1_Open__Output | null);
  'failed': (_ashlar_replication_v1_Failed__Output | null);
  'frames': (Buffer);
}
