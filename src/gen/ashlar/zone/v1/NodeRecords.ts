// Generated from proto/ by scripts/gen-proto.mjs.

import type { Revision as _ashlar_zone_v1_Revision, Revision__Output as _ashlar_zone_v1_Revision__Output } from '../../../ashlar/zone/v1/Revision.js';
import type { NodeDescription as _ashlar_zone_v1_NodeDescription, NodeDescription__Output as _ashlar_zone_v1_NodeDescription__Output } from '../../../ashlar/zone/v1/NodeDescription.js';
import type { VolumeRecord as _ashlar_zone_v1_VolumeRecord, VolumeRecord__Output as _ashlar_zone_v1_VolumeRecord__Output } from '../../../ashlar/zone/v1/VolumeRecord.js';
import type { CutRecord as _ashlar_zone_v1_CutRecord, CutRecord__Output as _ashlar_zone_v1_CutRecord__Output } from '../../../ashlar/zone/v1/CutRecord.js';
import type { OriginRecord as _ashlar_zone_v1_OriginRecord, OriginRecord__Output as _ashlar_zone_v1_OriginRecord__Output } from '../../../ashlar/zone/v1/OriginRecord.js';
import type { AttachmentRecord as _ashlar_zone_v1_AttachmentRecord, AttachmentRecord__Output as _ashlar_zone_v1_AttachmentRecord__Output } from '../../../ashlar/zone/v1/AttachmentRecord.js';
import type { Tombstone as _ashlar_zone_v1_Tombstone, Tombstone__Output as _ashlar_zone_v1_Tombstone__Output } from '../../../ashlar/zone/v1/Tombstone.js';
import type { CloneRecord as _ashlar_zone_v1_CloneRecord, CloneRecord__Output as _ashlar_zone_v1_CloneRecord__Output } from '../../../ashlar/zone/v1/CloneRecord.js';

export interface NodeRecords {
  'revision'?: (_ashlar_zone_v1_Revision | null);
  'node'?: (_ashlar_zone_v1_NodeDescription | null);
  'volumes'?: (_ashlar_zone_v1_VolumeRecord)[];
  'cuts'?: (_ashlar_zone_v1_CutRecord)[];
  'origins'?: (_ashlar_zone_v1_OriginRecord)[];
  'attachments'?: (_ashlar_zone_v1_AttachmentRecord)[];
  'tombstones'?: (_ashlar_zone_v1_Tombstone)[];
  'clones'?: (_ashlar_zone_v1_CloneRecord)[];
}

export interface NodeRecords__Output {
  'revision': (_ashlar_zone_v1_Revision__Output | null);
  'node': (_ashlar_zone_v1_NodeDescription__Output | null);
  'volumes': (_ashlar_zone_v1_VolumeRecord__Output)[];
  'cuts': (_ashlar_zone_v1_CutRecord__Output)[];
  'origins': (_ashlar_zone_v1_OriginRecord__Output)[];
  'attachments': (_ashlar_zone_v1_AttachmentRecord__Output)[];
  'tombstones': (_ashlar_zone_v1_Tombstone__Output)[];
  'clones': (_ashlar_zone_v1_CloneRecord__Output)[];
}
