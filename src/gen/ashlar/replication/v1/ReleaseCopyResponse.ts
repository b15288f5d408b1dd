// Generated from proto/ by scripts/gen-proto.mjs.


export interface ReleaseCopyResponse {
}

export interface ReleaseCopyResponse__Output {
}
