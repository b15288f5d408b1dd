// Generated from proto/ by scripts/gen-proto.mjs.

import type { Reason as _ashlar_v1_Reason, Reason__Output as _ashlar_v1_Reason__Output } from '../../ashlar/v1/Reason.js';
import type { Long } from '@grpc/proto-loader';

export interface StoreStats {
  'packs'?: (number);
  'packBytes'?: (number | string | Long);
  'chunks'?: (number | string | Long);
  'nodes'?: (number | string | Long);
  'indexBytes'?: (number | string | Long);
  'indexMemoryBytes'?: (number | string | Long);
  'quarantined'?: (number);
  'collectionGeneration'?: (number | string | Long);
  'catalogGeneration'?: (number | string | Long);
  'sessions'?: (number);
  'pins'?: (number);
  'problems'?: (_ashlar_v1_Reason)[];
}

export interface StoreStats__Output {
  'packs': (number);
  'packBytes': (string);
  'chunks': (string);
  'nodes': (string);
  'indexBytes': (string);
  'indexMemoryBytes': (string);
  'quarantined': (number);
  'collectionGeneration': (string);
  'catalogGeneration': (string);
  'sessions': (number);
  'pins': (number);
  'problems': (_ashlar_v1_Reason__Output)[];
}
