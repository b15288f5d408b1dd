// Generated from proto/ by scripts/gen-proto.mjs.

export const TombstoneKind = {
  TOMBSTONE_KIND_UNSPECIFIED: 'TOMBSTONE_KIND_UNSPECIFIED',
  TOMBSTONE_KIND_VOLUME: 'TOMBSTONE_KIND_VOLUME',
  TOMBSTONE_KIND_ATTACHMENT: 'TOMBSTONE_KIND_ATTACHMENT',
  TOMBSTONE_KIND_CUT: 'TOMBSTONE_KIND_CUT',
  TOMBSTONE_KIND_CLONE: 'TOMBSTONE_KIND_CLONE',
} as const;

export type TombstoneKind =
  | 'TOMBSTONE_KIND_UNSPECIFIED'
  | 0
  | 'TOMBSTONE_KIND_VOLUME'
  | 1
  | 'TOMBSTONE_KIND_ATTACHMENT'
  | 2
  | 'TOMBSTONE_KIND_CUT'
  | 3
  | 'TOMBSTONE_KIND_CLONE'
  | 4

export type TombstoneKind__Output = typeof TombstoneKind[keyof typeof TombstoneKind]
