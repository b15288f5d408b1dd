// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface GetNodeStatsResponse {
  'capacityBytes'?: (number | string | Long);
  'freeBytes'?: (number | string | Long);
  'mappedBytes'?: (number | string | Long);
  'checkpointGeneration'?: (number | string | Long);
  'journalUsedBytes'?: (number | string | Long);
  'readOnly'?: (boolean);
  'cutPauseNanoseconds'?: (number | string | Long)[];
}

export interface GetNodeStatsResponse__Output {
  'capacityBytes': (string);
  'freeBytes': (string);
  'mappedBytes': (string);
  'checkpointGeneration': (string);
  'journalUsedBytes': (string);
  'readOnly': (boolean);
  'cutPauseNanoseconds': (string)[];
}
