// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetNodeStatsRequest {
}

export interface GetNodeStatsRequest__Output {
}
