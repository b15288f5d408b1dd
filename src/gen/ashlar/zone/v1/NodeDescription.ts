// Generated from proto/ by scripts/gen-proto.mjs.

import type { Long } from '@grpc/proto-loader';

export interface NodeDescription {
  'name'?: (string);
  'zone'?: (string);
  'region'?: (string);
  'nbdUnixPath'?: (string);
  'nbdTcpAddress'?: (string);
  'capacityBytes'?: (number | string | Long);
  'freeBytes'?: (number | string | Long);
  'readOnly'?: (boolean);
  'poolId'?: (string);
  'poolGeneration'?: (number | string | Long);
  'poolOpenedGeneration'?: (number | string | Long);
}

export interface NodeDescription__Output {
  'name': (string);
  'zone': (string);
  'region': (string);
  'nbdUnixPath': (string);
  'nbdTcpAddress': (string);
  'capacityBytes': (string);
  'freeBytes': (string);
  'readOnly': (boolean);
  'poolId': (string);
  'poolGeneration': (string);
  'poolOpenedGeneration': (string);
}
