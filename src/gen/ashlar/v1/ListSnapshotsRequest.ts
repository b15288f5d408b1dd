// Generated from proto/ by scripts/gen-proto.mjs.

import type { LifecycleState as _ashlar_v1_LifecycleState, LifecycleState__Output as _ashlar_v1_LifecycleState__Output } from '../../ashlar/v1/LifecycleState.js';

export interface ListSnapshotsRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
  'name'?: (string);
  'sourceVolume'?: (string);
  'userTag'?: (string);
  'resourceGroup'?: (string);
  'lifecycleState'?: (_ashlar_v1_LifecycleState);
  'cloneZone'?: (string);
  'sourceSnapshot'?: (string);
  'copyRegion'?: (string);
}

export interface ListSnapshotsRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
  'name': (string);
  'sourceVolume': (string);
  'userTag': (string);
  'resourceGroup': (string);
  'lifecycleState': (_ashlar_v1_LifecycleState__Output);
  'cloneZone': (string);
  'sourceSnapshot': (string);
  'copyRegion': (string);
}
