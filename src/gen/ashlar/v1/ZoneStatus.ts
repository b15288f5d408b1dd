// Generated from proto/ by scripts/gen-proto.mjs.

export const ZoneStatus = {
  ZONE_STATUS_UNSPECIFIED: 'ZONE_STATUS_UNSPECIFIED',
  ZONE_STATUS_AVAILABLE: 'ZONE_STATUS_AVAILABLE',
  ZONE_STATUS_IMPAIRED: 'ZONE_STATUS_IMPAIRED',
  ZONE_STATUS_UNAVAILABLE: 'ZONE_STATUS_UNAVAILABLE',
} as const;

export type ZoneStatus =
  | 'ZONE_STATUS_UNSPECIFIED'
  | 0
  | 'ZONE_STATUS_AVAILABLE'
  | 1
  | 'ZONE_STATUS_IMPAIRED'
  | 2
  | 'ZONE_STATUS_UNAVAILABLE'
  | 3

export type ZoneStatus__Output = typeof ZoneStatus[keyof typeof ZoneStatus]
