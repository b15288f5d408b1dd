// Generated from proto/ by scripts/gen-proto.mjs.


export interface SnapshotReference {
  'id'?: (string);
  'crn'?: (string);
  'name'?: (string);
  'deleted'?: (boolean);
  'remoteRegion'?: (string);
}

export interface SnapshotReference__Output {
  'id': (string);
  'crn': (string);
  'name': (string);
  'deleted': (boolean);
  'remoteRegion': (string);
}
