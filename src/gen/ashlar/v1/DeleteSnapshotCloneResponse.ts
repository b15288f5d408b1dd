// Generated from proto/ by scripts/gen-proto.mjs.


export interface DeleteSnapshotCloneResponse {
}

export interface DeleteSnapshotCloneResponse__Output {
}
