// Generated from proto/ by scripts/gen-proto.mjs.


export interface OperatingSystem {
  'name'?: (string);
  'vendor'?: (string);
  'version'?: (string);
  'family'?: (string);
  'architecture'?: (string);
  'displayName'?: (string);
}

export interface OperatingSystem__Output {
  'name': (string);
  'vendor': (string);
  'version': (string);
  'family': (string);
  'architecture': (string);
  'displayName': (string);
}
