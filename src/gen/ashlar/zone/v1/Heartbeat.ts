// Generated from proto/ by scripts/gen-proto.mjs.


export interface Heartbeat {
}

export interface Heartbeat__Output {
}
