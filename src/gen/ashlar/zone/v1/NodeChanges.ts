// Generated from proto/ by scripts/gen-proto.mjs.

import type { NodeRecords as _ashlar_zone_v1_NodeRecords, NodeRecords__Output as _ashlar_zone_v1_NodeRecords__Output } from '../../../ashlar/zone/v1/NodeRecords.js';

export interface NodeChanges {
  'added'?: (_ashlar_zone_v1_NodeRecords | null);
  'goneVolumes'?: (number)[];
  'goneCuts'?: (number)[];
  'goneOrigins'?: (number)[];
  'goneAttachments'?: (number)[];
  'goneTombstones'?: (number)[];
  'goneClones'?: (number)[];
}

export interface NodeChanges__Output {
  'added': (_ashlar_zone_v1_NodeRecords__Output | null);
  'goneVolumes': (number)[];
  'goneCuts': (number)[];
  'goneOrigins': (number)[];
  'goneAttachments': (number)[];
  'goneTombstones': (number)[];
  'goneClones': (number)[];
}
