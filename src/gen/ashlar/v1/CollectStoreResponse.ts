// Generated from proto/ by scripts/gen-proto.mjs.

import type { StoreStats as _ashlar_v1_StoreStats, StoreStats__Output as _ashlar_v1_StoreStats__Output } from '../../ashlar/v1/StoreStats.js';
import type { Long } from '@grpc/proto-loader';

export interface CollectStoreResponse {
  'generation'?: (number | string | Long);
  'freedBytes'?: (number | string | Long);
  'packsDeleted'?: (number);
  'packsRewritten'?: (number);
  'chunksDropped'?: (number | string | Long);
  'after'?: (_ashlar_v1_StoreStats | null);
}

export interface CollectStoreResponse__Output {
  'generation': (string);
  'freedBytes': (string);
  'packsDeleted': (number);
  'packsRewritten': (number);
  'chunksDropped': (string);
  'after': (_ashlar_v1_StoreStats__Output | null);
}
