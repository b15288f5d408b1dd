// Generated from proto/ by scripts/gen-proto.mjs.

import type { NodeRecords as _ashlar_zone_v1_NodeRecords, NodeRecords__Output as _ashlar_zone_v1_NodeRecords__Output } from '../../../ashlar/zone/v1/NodeRecords.js';
import type { HydrationProgress as _ashlar_zone_v1_HydrationProgress, HydrationProgress__Output as _ashlar_zone_v1_HydrationProgress__Output } from '../../../ashlar/zone/v1/HydrationProgress.js';
import type { Heartbeat as _ashlar_zone_v1_Heartbeat, Heartbeat__Output as _ashlar_zone_v1_Heartbeat__Output } from '../../../ashlar/zone/v1/Heartbeat.js';
import type { CloneProgress as _ashlar_zone_v1_CloneProgress, CloneProgress__Output as _ashlar_zone_v1_CloneProgress__Output } from '../../../ashlar/zone/v1/CloneProgress.js';
import type { NodeChanges as _ashlar_zone_v1_NodeChanges, NodeChanges__Output as _ashlar_zone_v1_NodeChanges__Output } from '../../../ashlar/zone/v1/NodeChanges.js';

export interface WatchResponse {
  'records'?: (_ashlar_zone_v1_NodeRecords | null);
  'hydration'?: (_ashlar_zone_v1_HydrationProgress | null);
  'heartbeat'?: (_ashlar_zone_v1_Heartbeat | null);
  'clone'?: (_ashlar_zone_v1_CloneProgress | null);
  'changes'?: (_ashlar_zone_v1_NodeChanges | null);
  'event'?: "records"|"hydration"|"heartbeat"|"clone"|"changes";
}

export interface WatchResponse__Output {
  'records'?: (_ashlar_zone_v1_NodeRecords__Output | null);
  'hydration'?: (_ashlar_zone_v1_HydrationProgress__Output | null);
  'heartbeat'?: (_ashlar_zone_v1_Heartbeat__Output | null);
  'clone'?: (_ashlar_zone_v1_CloneProgress__Output | null);
  'changes'?: (_ashlar_zone_v1_NodeChanges__Output | null);
  'event'?: "records"|"hydration"|"heartbeat"|"clone"|"changes";
}
