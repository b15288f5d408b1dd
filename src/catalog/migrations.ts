// The catalog's history. Each entry moves the file from version `index` to `index + 1` in one
// exclusive transaction; an entry is never edited once it has shipped. The version is SQLite's
// user_version, the mark of our files its application_id.

import type { Database } from 'better-sqlite3'

import { AshlarError } from '../base/error.js'
import { failpoint } from '../base/failpoint.js'

/** "ASHC" in ASCII. */
const applicationId = 0x41534843

const migrations: readonly string[] = [
  `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uuid TEXT NOT NULL,
    region_name TEXT NOT NULL,
    region_number INTEGER NOT NULL,
    generation INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE volumes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    zone TEXT NOT NULL,
    node TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('creating', 'available', 'growing', 'deleting')),
    bytes INTEGER NOT NULL,
    granted_bytes INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    user_tags TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    source_kind TEXT NOT NULL CHECK (source_kind IN ('empty', 'cut', 'origin')),
    source_snapshot_id TEXT,
    source_snapshot_name TEXT,
    pin_id TEXT,
    hydrated INTEGER NOT NULL,
    operating_system TEXT,
    source_image TEXT,
    created_ms INTEGER NOT NULL,
    CHECK ((source_kind = 'empty') = (source_snapshot_id IS NULL)),
    CHECK ((source_kind = 'origin') = (pin_id IS NOT NULL))
  ) STRICT;
  -- A volume on its way out no longer holds its name.
  CREATE UNIQUE INDEX volumes_by_name ON volumes (name) WHERE state <> 'deleting';
  CREATE INDEX volumes_by_source ON volumes (source_snapshot_id);

  CREATE TABLE attachments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    volume_id TEXT NOT NULL UNIQUE REFERENCES volumes (id),
    host TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('attaching', 'attached', 'detaching')),
    created_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE snapshots (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL
      CHECK (state IN ('cutting', 'captured', 'committing', 'stable', 'failed', 'deleting')),
    reason TEXT,
    zone TEXT NOT NULL,
    node TEXT NOT NULL,
    source_volume_id TEXT NOT NULL,
    source_volume_name TEXT NOT NULL,
    source_volume_zone TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    epoch INTEGER,
    captured_ns TEXT,
    root_hex TEXT,
    manifest BLOB,
    stored_bytes INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    user_tags TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    operating_system TEXT,
    source_image TEXT,
    created_ms INTEGER NOT NULL,
    CHECK (state NOT IN ('captured', 'committing', 'stable') OR captured_ns IS NOT NULL),
    CHECK (state <> 'stable' OR (root_hex IS NOT NULL AND manifest IS NOT NULL))
  ) STRICT;
  CREATE UNIQUE INDEX snapshots_by_name ON snapshots (name) WHERE state <> 'deleting';
  CREATE INDEX snapshots_by_volume ON snapshots (source_volume_id);

  -- What must stay in the store for somebody outside this region; dropped on release, never by a clock.
  CREATE TABLE pins (
    id TEXT PRIMARY KEY,
    root_hex TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    manifest BLOB NOT NULL,
    holder TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('restore')),
    volume_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'held')),
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX pins_by_holder ON pins (holder);

  -- Running jobs of this region's own store; the collector waits for those begun before it.
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('ingest')),
    snapshot_id TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Orders that no resource row stands for any more; repeated until the node acknowledges.
  CREATE TABLE orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    node TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('sealed', 'dropCut')),
    target TEXT NOT NULL,
    root_hex TEXT,
    created_ms INTEGER NOT NULL,
    UNIQUE (node, kind, target)
  ) STRICT;

  CREATE TABLE requests (
    request_id TEXT PRIMARY KEY,
    method TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    answer TEXT,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX requests_by_resource ON requests (resource_id);
  CREATE INDEX requests_by_age ON requests (created_ms);

  -- What a node last said about itself, so that URIs are known while it is away.
  CREATE TABLE nodes (
    name TEXT PRIMARY KEY,
    zone TEXT NOT NULL,
    nbd_unix_path TEXT NOT NULL,
    nbd_tcp_address TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE meta ADD COLUMN collection_generation INTEGER NOT NULL DEFAULT 0;
  -- The catalog's generation when a collection last began that came to its end.
  ALTER TABLE meta ADD COLUMN collected_at INTEGER NOT NULL DEFAULT 0;
  -- Up to where this catalog knows the store's records, while the store has later ones.
  ALTER TABLE meta ADD COLUMN known_generation INTEGER;
  -- Made or mended from records: pins may be missing until every node has said what it needs.
  ALTER TABLE meta ADD COLUMN recovered INTEGER NOT NULL DEFAULT 0;

  ALTER TABLE snapshots ADD COLUMN logical_bytes INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE snapshots ADD COLUMN transferred_bytes INTEGER NOT NULL DEFAULT 0;
  -- To be sealed without a base.
  ALTER TABLE snapshots ADD COLUMN full_seal INTEGER NOT NULL DEFAULT 0;
  DROP INDEX snapshots_by_volume;
  CREATE INDEX snapshots_by_volume ON snapshots (source_volume_id, state, epoch);
  CREATE INDEX snapshots_by_state ON snapshots (state);

  -- The next snapshot is to be sealed without a base: an audit found a wrong root.
  ALTER TABLE volumes ADD COLUMN full_seal INTEGER NOT NULL DEFAULT 0;
  -- When its chain of snapshots was last compared with a cut as a whole.
  ALTER TABLE volumes ADD COLUMN audited_ms INTEGER;
  CREATE INDEX volumes_by_node ON volumes (node);

  -- A session keeps its base; its generation is the collector's when it began.
  DROP TABLE sessions;
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('ingest', 'copy', 'repair')),
    snapshot_id TEXT NOT NULL UNIQUE,
    base_root_hex TEXT,
    base_manifest BLOB,
    generation INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    CHECK ((base_root_hex IS NULL) = (base_manifest IS NULL))
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A copy waits for its source before there is anything to capture, and comes from no node.
  CREATE TABLE snapshots_new (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
      state IN ('cutting', 'waiting', 'captured', 'committing', 'stable', 'failed', 'deleting')
    ),
    reason TEXT,
    zone TEXT NOT NULL,
    node TEXT NOT NULL,
    source_volume_id TEXT,
    source_volume_name TEXT,
    source_volume_zone TEXT,
    source_volume_region TEXT,
    source_snapshot_crn TEXT,
    source_snapshot_name TEXT,
    bytes INTEGER NOT NULL,
    epoch INTEGER,
    captured_ns TEXT,
    root_hex TEXT,
    manifest BLOB,
    stored_bytes INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    user_tags TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    operating_system TEXT,
    source_image TEXT,
    created_ms INTEGER NOT NULL,
    logical_bytes INTEGER NOT NULL,
    transferred_bytes INTEGER NOT NULL,
    full_seal INTEGER NOT NULL,
    CHECK (state NOT IN ('captured', 'committing', 'stable') OR captured_ns IS NOT NULL),
    CHECK (state <> 'stable' OR (root_hex IS NOT NULL AND manifest IS NOT NULL)),
    CHECK ((node = '') = (source_snapshot_crn IS NOT NULL)),
    CHECK (source_snapshot_crn IS NOT NULL OR source_volume_id IS NOT NULL)
  ) STRICT;
  INSERT INTO snapshots_new (
    seq, id, name, state, reason, zone, node, source_volume_id, source_volume_name,
    source_volume_zone, bytes, epoch, captured_ns, root_hex, manifest, stored_bytes, revision,
    user_tags, resource_group, operating_system, source_image, created_ms, logical_bytes,
    transferred_bytes, full_seal
  ) SELECT
    seq, id, name, state, reason, zone, node, source_volume_id, source_volume_name,
    source_volume_zone, bytes, epoch, captured_ns, root_hex, manifest, stored_bytes, revision,
    user_tags, resource_group, operating_system, source_image, created_ms, logical_bytes,
    transferred_bytes, full_seal
  FROM snapshots;
  DROP TABLE snapshots;
  ALTER TABLE snapshots_new RENAME TO snapshots;
  CREATE UNIQUE INDEX snapshots_by_name ON snapshots (name) WHERE state <> 'deleting';
  CREATE INDEX snapshots_by_volume ON snapshots (source_volume_id, state, epoch);
  CREATE INDEX snapshots_by_state ON snapshots (state);

  -- Also for clones, and for copies, whose holder is another region.
  CREATE TABLE pins_new (
    id TEXT PRIMARY KEY,
    root_hex TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    manifest BLOB NOT NULL,
    holder TEXT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('restore', 'clone', 'copy')),
    object_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('claimed', 'held')),
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO pins_new
    SELECT id, root_hex, snapshot_id, manifest, holder, purpose, volume_id, state, created_ms
    FROM pins;
  DROP TABLE pins;
  ALTER TABLE pins_new RENAME TO pins;
  CREATE INDEX pins_by_holder ON pins (holder);

  -- A clone is built once its snapshot is stable; then it has a node, and a pin until it is local.
  CREATE TABLE clones (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    snapshot_id TEXT NOT NULL,
    zone TEXT NOT NULL,
    node TEXT,
    pin_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'building', 'available', 'deleting')),
    reason TEXT,
    created_ms INTEGER NOT NULL,
    CHECK ((node IS NULL) = (pin_id IS NULL)),
    CHECK (state IN ('wanted', 'deleting') OR node IS NOT NULL)
  ) STRICT;
  CREATE UNIQUE INDEX clones_by_zone ON clones (snapshot_id, zone) WHERE state <> 'deleting';
  CREATE INDEX clones_by_node ON clones (node);

  -- Copies of our snapshots in other regions; the id is that of the snapshot there.
  CREATE TABLE copies (
    id TEXT PRIMARY KEY,
    snapshot_id TEXT NOT NULL,
    region TEXT NOT NULL,
    crn TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'committed')),
    pin_id TEXT,
    description TEXT NOT NULL,
    contact_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    CHECK ((state = 'open') = (pin_id IS NOT NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX copies_by_snapshot ON copies (snapshot_id);

  -- What another region has still to be told; repeated until it answers.
  CREATE TABLE peer_orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    peer TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('commitCopy', 'releaseCopy')),
    target TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (peer, kind, target)
  ) STRICT;
  `,
  `
  -- The pool that each node showed last, and the newest checkpoint that was seen of it.
  CREATE TABLE pools (
    node TEXT PRIMARY KEY,
    pool_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    reason TEXT
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Read at each look at a node, however many volumes have all of their data.
  CREATE INDEX volumes_hydrating ON volumes (node) WHERE hydrated = 0;
  `,
]

/** Brings an open file to the newest version. Refuses files of others and of newer versions. */
export function migrate(database: Database, path: string): void {
  const version = pragmaNumber(database, 'user_version')
  const mark = pragmaNumber(database, 'application_id')
  const empty = version === 0 && mark === 0 && tableCount(database) === 0
  if (!empty && mark !== applicationId) {
    throw new AshlarError('FOREIGN_FILE', `${path} is not a catalog of Ashlar`)
  }
  if (version > migrations.length) {
    throw new AshlarError(
      'NEWER_FORMAT',
      `${path} has catalog version ${version}, this program knows up to ${migrations.length}`,
    )
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue
    failpoint('catalogMigrate')
    database
      .transaction(() => {
        database.exec(sql)
        database.pragma(`application_id = ${applicationId}`)
        database.pragma(`user_version = ${index + 1}`)
      })
      .exclusive()
  }
}

function pragmaNumber(database: Database, name: string): number {
  return Number(database.pragma(name, { simple: true }))
}

function tableCount(database: Database): number {
  return Number(database.prepare('SELECT count(*) FROM sqlite_master').pluck().get())
}
