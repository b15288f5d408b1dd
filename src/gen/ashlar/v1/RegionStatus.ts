// Generated from proto/ by scripts/gen-proto.mjs.

export const RegionStatus = {
  REGION_STATUS_UNSPECIFIED: 'REGION_STATUS_UNSPECIFIED',
  REGION_STATUS_AVAILABLE: 'REGION_STATUS_AVAILABLE',
  REGION_STATUS_UNAVAILABLE: 'REGION_STATUS_UNAVAILABLE',
} as const;

export type RegionStatus =
  | 'REGION_STATUS_UNSPECIFIED'
  | 0
  | 'REGION_STATUS_AVAILABLE'
  | 1
  | 'REGION_STATUS_UNAVAILABLE'
  | 2

export type RegionStatus__Output = typeof RegionStatus[keyof typeof RegionStatus]
