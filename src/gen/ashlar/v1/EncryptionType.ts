// Generated from proto/ by scripts/gen-proto.mjs.

export const EncryptionType = {
  ENCRYPTION_TYPE_UNSPECIFIED: 'ENCRYPTION_TYPE_UNSPECIFIED',
  ENCRYPTION_TYPE_PROVIDER_MANAGED: 'ENCRYPTION_TYPE_PROVIDER_MANAGED',
  ENCRYPTION_TYPE_USER_MANAGED: 'ENCRYPTION_TYPE_USER_MANAGED',
} as const;

export type EncryptionType =
  | 'ENCRYPTION_TYPE_UNSPECIFIED'
  | 0
  | 'ENCRYPTION_TYPE_PROVIDER_MANAGED'
  | 1
  | 'ENCRYPTION_TYPE_USER_MANAGED'
  | 2

export type EncryptionType__Output = typeof EncryptionType[keyof typeof EncryptionType]
