// Generated from native/base/failpoints.def by scripts/failpoints.mjs; do not edit.

export const failpointNames = [
  'catalogMigrate',
  'catalogCommit',
  'catalogReplace',
  'pinDrop',
  'sessionEnd',
  'volumeRow',
  'attachmentRow',
  'snapshotRow',
  'cloneRow',
  'copyRow',
  'orderRow',
  'peerOrderRow',
  'requestRow',
  'nodeRow',
  'storeRecord',
  'collectEnd',
  'nodeOrder',
  'copyCommit',
  'copyRelease',
  'zoneOrder',
  'zoneSettle',
] as const

export type FailpointName = (typeof failpointNames)[number]
