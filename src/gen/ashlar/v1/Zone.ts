// Generated from proto/ by scripts/gen-proto.mjs.

import type { ZoneStatus as _ashlar_v1_ZoneStatus, ZoneStatus__Output as _ashlar_v1_ZoneStatus__Output } from '../../ashlar/v1/ZoneStatus.js';
import type { Reason as _ashlar_v1_Reason, Reason__Output as _ashlar_v1_Reason__Output } from '../../ashlar/v1/Reason.js';
import type { Long } from '@grpc/proto-loader';

export interface Zone {
  'name'?: (string);
  'region'?: (string);
  'status'?: (_ashlar_v1_ZoneStatus);
  'nodes'?: (number);
  'nodesAvailable'?: (number);
  'poolCapacityBytes'?: (number | string | Long);
  'poolFreeBytes'?: (number | string | Long);
  'volumes'?: (number);
  'statusReasons'?: (_ashlar_v1_Reason)[];
}

export interface Zone__Output {
  'name': (string);
  'region': (string);
  'status': (_ashlar_v1_ZoneStatus__Output);
  'nodes': (number);
  'nodesAvailable': (number);
  'poolCapacityBytes': (string);
  'poolFreeBytes': (string);
  'volumes': (number);
  'statusReasons': (_ashlar_v1_Reason__Output)[];
}
