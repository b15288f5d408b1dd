// Generated from proto/ by scripts/gen-proto.mjs.


export interface GetStoreStatsRequest {
}

export interface GetStoreStatsRequest__Output {
}
