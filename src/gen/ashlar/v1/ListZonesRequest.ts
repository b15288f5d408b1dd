// Generated from proto/ by scripts/gen-proto.mjs.


export interface ListZonesRequest {
  'name'?: (string);
}

export interface ListZonesRequest__Output {
  'name': (string);
}
