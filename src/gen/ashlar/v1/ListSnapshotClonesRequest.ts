// Generated from proto/ by scripts/gen-proto.mjs.


export interface ListSnapshotClonesRequest {
  'snapshot'?: (string);
}

export interface ListSnapshotClonesRequest__Output {
  'snapshot': (string);
}
