// Generated from proto/ by scripts/gen-proto.mjs.


export interface CreateSnapshotRequest {
  'sourceVolume'?: (string);
  'name'?: (string);
  'userTags'?: (string)[];
  'resourceGroup'?: (string);
  'requestId'?: (string);
  'cloneZones'?: (string)[];
  'sourceSnapshotCrn'?: (string);
}

export interface CreateSnapshotRequest__Output {
  'sourceVolume': (string);
  'name': (string);
  'userTags': (string)[];
  'resourceGroup': (string);
  'requestId': (string);
  'cloneZones': (string)[];
  'sourceSnapshotCrn': (string);
}
