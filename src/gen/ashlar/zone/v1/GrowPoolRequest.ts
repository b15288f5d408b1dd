// Generated from proto/ by scripts/gen-proto.mjs.


export interface GrowPoolRequest {
}

export interface GrowPoolRequest__Output {
}
