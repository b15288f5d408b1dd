// Generated from proto/ by scripts/gen-proto.mjs.

import type { Opened as _ashlar_replication_v1_Opened, Opened__Output as _ashlar_replication_v1_Opened__Output } from '../../../ashlar/replication/v1/Opened.js';
import type { Failed as _ashlar_replication_v1_Failed, Failed__Output as _ashlar_replication_v1_Failed__Output } from '../../../ashlar/replication/v1/Failed.js';

export interface PullResponse {
  'opened'?: (_ashlar_replication_v1_Opened | null);
  'failed'?: (_ashlar_replication_v1_Failed | null);
  'frames'?: (Buffer | Uint8Array | string);
}

export interface PullResponse__Output {
  'opened': (_ashlar_replication_v1_Opened__Output | null);
  'failed': (_ashlar_replication_v1_Failed__Output | null);
  'frames': (Buffer);
}
