// Generated from proto/ by scripts/gen-proto.mjs.


export interface CollectStoreRequest {
}

export interface CollectStoreRequest__Output {
}
