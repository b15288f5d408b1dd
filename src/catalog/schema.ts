// The catalog's tables as SQL sees them. Sizes fit in 53 bits (64 TiB is 2^46) and are stored as
// integers; nanoseconds since 1970 do not and are stored as text; lists and objects are JSON.
// `seq` is the order of creation: lists and page tokens go by it.

import type { Generated } from 'kysely'

export interface MetaTable {
  id: 1
  uuid: string
  region_name: string
  region_number: number
  generation: number
  collection_generation: Generated<number>
  collected_at: Generated<number>
  known_generation: number | null
  recovered: Generated<number>
}

export interface VolumeTable {
  seq: Generated<number>
  id: string
  name: string
  zone: string
  node: string
  state: string
  bytes: number
  granted_bytes: number
  revision: number
  user_tags: string
  resource_group: string
  source_kind: string
  source_snapshot_id: string | null
  source_snapshot_name: string | null
  pin_id: string | null
  hydrated: number
  operating_system: string | null
  source_image: string | null
  created_ms: number
  full_seal: Generated<number>
  audited_ms: number | null
}

export interface AttachmentTable {
  seq: Generated<number>
  id: string
  volume_id: string
  host: string
  read_only: number
  state: string
  created_ms: number
}

export interface SnapshotTable {
  seq: Generated<number>
  id: string
  name: string
  state: string
  reason: string | null
  zone: string
  node: string
  source_volume_id: string | null
  source_volume_name: string | null
  source_volume_zone: string | null
  source_volume_region: string | null
  source_snapshot_crn: string | null
  source_snapshot_name: string | null
  bytes: number
  epoch: number | null
  captured_ns: string | null
  root_hex: string | null
  manifest: Buffer | null
  stored_bytes: number
  revision: number
  user_tags: string
  resource_group: string
  operating_system: string | null
  source_image: string | null
  created_ms: number
  logical_bytes: Generated<number>
  transferred_bytes: Generated<number>
  full_seal: Generated<number>
}

export interface PinTable {
  id: string
  root_hex: string
  snapshot_id: string
  manifest: Buffer
  holder: string
  purpose: string
  object_id: string
  state: string
  created_ms: number
}

export interface CloneTable {
  seq: Generated<number>
  id: string
  snapshot_id: string
  zone: string
  node: string | null
  pin_id: string | null
  state: string
  reason: string | null
  created_ms: number
}

export interface CopyTable {
  id: string
  snapshot_id: string
  region: string
  crn: string
  name: string
  state: string
  pin_id: string | null
  description: string
  contact_ms: number
  created_ms: number
}

export interface PeerOrderTable {
  seq: Generated<number>
  peer: string
  kind: string
  target: string
  created_ms: number
}

export interface SessionTable {
  id: string
  kind: string
  snapshot_id: string
  base_root_hex: string | null
  base_manifest: Buffer | null
  generation: number
  created_ms: number
}

export interface OrderTable {
  seq: Generated<number>
  node: string
  kind: string
  target: string
  root_hex: string | null
  created_ms: number
}

export interface RequestTable {
  request_id: string
  method: string
  fingerprint: string
  resource_id: string
  answer: string | null
  created_ms: number
}

export interface NodeTable {
  name: string
  zone: string
  nbd_unix_path: string
  nbd_tcp_address: string
}

export interface PoolTable {
  node: string
  pool_id: string
  generation: number
  boot_id: string
  reason: string | null
}

export interface Schema {
  meta: MetaTable
  volumes: VolumeTable
  attachments: AttachmentTable
  snapshots: SnapshotTable
  pins: PinTable
  clones: CloneTable
  copies: CopyTable
  peer_orders: PeerOrderTable
  sessions: SessionTable
  orders: OrderTable
  requests: RequestTable
  nodes: NodeTable
  pools: PoolTable
}
