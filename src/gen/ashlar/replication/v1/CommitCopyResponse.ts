// Generated from proto/ by scripts/gen-proto.mjs.


export interface CommitCopyResponse {
}

export interface CommitCopyResponse__Output {
}
