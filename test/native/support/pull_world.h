// The whole way of a snapshot in one process: a pool with a volume, a region's chunk store, a pool
// to restore into, and the calls that join them as the addon does.
#pragma once

#include <unistd.h>

#include "codec/lz4.h"
#include "store/delta.h"
#include "stream/cut_source.h"
#include "stream/hydration.h"
#include "stream/ingest.h"
#include "stream/snapshot_source.h"
#include "support/guest.h"
#include "support/model_image.h"
#include "support/pump.h"
#include "support/store_world.h"

namespace ashlar::test {

inline const DomainKeys& default_keys() {
  static const DomainKeys keys = derive_keys({});
  return keys;
}

// One pool on a disk of its own. What is not synced is lost only by lose_power().
class PullPool {
 public:
  explicit PullPool(uint64_t seed, uint64_t capacity_bytes = 256ull << 20)
      : world_(disk_, seed, capacity_bytes) {}

  Result<void> open() { return world_.open(); }
  // No channel may be left.
  Result<void> close_and_open() {
    TRY(world_.pool->close());
    return open();
  }
  // What was not synced is lost, kept or torn.
  Result<void> lose_power() {
    world_.device->crash_at(0);
    (void)world_.device->sync();
    world_.device->power_cycle();
    return open();
  }
  PoolWorld& operator*() { return world_; }
  PoolWorld* operator->() { return &world_; }

  Result<Id> create(uint64_t bytes) {
    CreateVolume order;
    order.id = next_id();
    order.bytes = bytes;
    TRY(world_.volumes->create(order));
    return order.id;
  }
  // A volume restored from a snapshot of that manifest. The snapshot's id is answered.
  struct Restored {
    Id volume;
    Id snapshot;
  };
  Result<Restored> restore(const Manifest& manifest, uint64_t bytes) {
    Restored made{next_id(), next_id()};
    CreateVolume order;
    order.id = made.volume;
    order.bytes = bytes;
    order.origin = CreateVolume::Origin{made.snapshot, manifest, next_id()};
    TRY(world_.volumes->create(order));
    return made;
  }
  Result<Id> cut(const Id& volume) {
    CutOrder order;
    order.group = next_id();
    order.members.push_back({volume, next_id()});
    TRY(world_.volumes->cut(order));
    return order.members[0].snapshot;
  }
  // Its order depends on nothing but the calls, unless it has threads of its own.
  Result<std::unique_ptr<CutSource>> source(const Id& snapshot,
                                            const std::optional<Id>& base = std::nullopt,
                                            size_t threads = 0) {
    return std::make_unique<CutSource>(TRY(world_.volumes->open_cut(snapshot, base)),
                                       default_keys(), threads);
  }
  Result<std::unique_ptr<Hydration>> hydration(const Id& snapshot, Lane lane) {
    const Volumes::OriginView origin = TRY(world_.volumes->origin(snapshot));
    const ManifestFields fields = TRY(read_manifest(origin.manifest));
    return std::make_unique<Hydration>(origin.hydrator, fields, default_keys(), lane);
  }
  Result<bool> hydrated(const Id& snapshot) {
    return TRY(world_.volumes->origin(snapshot)).hydrator->hydrated();
  }
  // Checkpoints, and frees what waits for it.
  Result<void> tidy() {
    TRY(world_.pool->checkpoint());
    while (world_.pool->free_step()) {
    }
    return world_.pool->checkpoint();
  }
  Id next_id() { return test_id(next_id_++); }

 private:
  SimDisk disk_;
  PoolWorld world_;
  uint64_t next_id_ = 1;
};

// A folder that costs no disk's sync, where the system has such a place.
class MemoryFolder {
 public:
  MemoryFolder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    path_ = (memory ? "/dev/shm/" : testing::TempDir()) + "ashlar-stream-XXXXXX";
    CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  ~MemoryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline PumpOptions of_a_cut(uint64_t seed) {
  PumpOptions options;
  options.lists = true;
  options.seed = seed;
  return options;
}

// An error of either end is answered.
inline Result<void> outcome_of(const PumpEnd& end) {
  if (end.source_failed) return *end.source_failed;
  if (end.receiver_failed) return *end.receiver_failed;
  if (!end.complete) return error(Code::kDeadline, "nobody spoke any more");
  return {};
}

// `base_root`: of a stored snapshot; the list is a difference from it where the source agreed.
inline Result<IngestOptions> ingest_options(const CutSource& source, ChunkStore& store,
                                            const std::optional<Hash>& base_root) {
  IngestOptions options{source.volume_bytes(), std::nullopt, source.base_agreed()};
  if (!base_root) return options;
  const ChunkStore::Stored stored = TRY(store.read(*base_root));
  Manifest manifest;
  CHECK(stored.bytes.size() == manifest.size());
  std::copy(stored.bytes.begin(), stored.bytes.end(), manifest.begin());
  options.base = TRY(read_manifest(manifest));
  return options;
}

inline Result<IngestResult> ingest(CutSource& source, ChunkStore& store, PumpOptions options,
                                   const std::optional<Hash>& base_root = std::nullopt) {
  Ingest receiver(store, default_keys(), TRY(ingest_options(source, store, base_root)));
  TRY(outcome_of(pump(source, receiver, std::move(options))));
  return receiver.finish();
}

inline Result<void> hydrate(Hydration& receiver, ChunkStore& store, const Manifest& manifest,
                            PumpOptions options = {}) {
  SnapshotSource source(store, TRY(read_manifest(manifest)));
  return outcome_of(pump(source, receiver, std::move(options)));
}

inline std::vector<Message> one_by_one(const Message& message) {
  std::vector<Message> frames;
  const auto parsed = parse_frames(message);
  CHECK(parsed.ok());
  for (const WireFrame& frame : *parsed) {
    frames.emplace_back();
    append_frame(frames.back(), frame.header.kind, frame.header.index, frame.header.id,
                 frame.payload, frame.header.block_map);
  }
  return frames;
}

// Stands between the ends, passes everything on frame by frame, and notes what was asked for and
// what was sent.
struct Observer {
  std::vector<uint64_t> wanted;
  std::map<uint64_t, int> sent;  // frames of a chunk

  Meddler meddler() {
    return [this](Way, const Message& message) {
      const auto frames = parse_frames(message);
      CHECK(frames.ok());
      for (const WireFrame& frame : *frames) {
        const WireFrameHeader& header = frame.header;
        const bool delta = header.kind == Wire::kDelta || header.kind == Wire::kDeltaRaw;
        if (delta || header.kind == Wire::kRaw || header.kind == Wire::kLz4) sent[header.index]++;
        if (header.kind != Wire::kWant) continue;
        for (const uint64_t chunk : wire_numbers(frame))
          wanted.push_back(chunk);
      }
      return one_by_one(message);
    };
  }
};

// ---- what a store holds

// The content under the id of a chunk, verified here and not by the code under test.
inline Result<std::vector<uint8_t>> stored_chunk(ChunkStore& store, const Hash& id) {
  const ChunkStore::Stored stored = TRY(store.read(id));
  std::vector<uint8_t> plain = stored.bytes;
  if (stored.kind == FrameKind::kDelta) {
    const FrameKind base = TRY(store.read(stored.base)).kind;
    if (base == FrameKind::kDelta) return error(Code::kCorrupt, "a delta on a delta");
    plain = TRY(stored_chunk(store, stored.base));
    if (!apply_delta(stored.block_map, stored.bytes, plain)) {
      return error(Code::kCorrupt, "does not apply");
    }
  } else if (stored.kind == FrameKind::kLz4) {
    plain.assign(kChunkBytes, 0);
    if (!lz4_decompress(stored.bytes, plain)) return error(Code::kCorrupt, "does not unpack");
  } else if (stored.kind == FrameKind::kDelta) {
    if (TRY(store.read(stored.base)).kind == FrameKind::kDelta) {
      return error(Code::kCorrupt, "a difference from a difference");
    }
    plain = TRY(stored_chunk(store, stored.base));
    if (!apply_delta(stored.block_map, stored.bytes, plain)) {
      return error(Code::kCorrupt, "does not fit its base");
    }
  } else if (stored.kind != FrameKind::kRaw) {
    return error(Code::kCorrupt, "stored as something else than a chunk");
  }
  if (plain.size() != kChunkBytes || keyed_hash(default_keys().chunk, plain) != id) {
    return error(Code::kCorrupt, "other bytes are stored under " + to_hex(id));
  }
  return plain;
}

// The chunks of a snapshot, found by walking down from its root; every node and chunk is verified.
inline Result<std::map<uint64_t, Hash>> stored_snapshot(ChunkStore& store, const Hash& root) {
  const ChunkStore::Stored manifest = TRY(store.read(root));
  if (manifest.kind != FrameKind::kManifest || manifest.bytes.size() != 80 ||
      keyed_hash(default_keys().manifest, manifest.bytes) != root) {
    return error(Code::kCorrupt, "no manifest under " + to_hex(root));
  }
  uint64_t volume_bytes = 0;
  std::memcpy(&volume_bytes, &manifest.bytes[24], sizeof volume_bytes);
  std::map<uint64_t, Hash> level;
  std::memcpy(level[0].data(), &manifest.bytes[48], sizeof(Hash));
  if (is_zero(level[0])) level.clear();
  for (uint8_t height = tree_height(volume_bytes); height > 0; height--) {
    std::map<uint64_t, Hash> below;
    for (const auto& [index, id] : level) {
      const ChunkStore::Stored node = TRY(store.read(id));
      if (node.kind != FrameKind::kNode || node.bytes.size() != 2049 || node.bytes[0] != height ||
          keyed_hash(default_keys().node, node.bytes) != id) {
        return error(Code::kCorrupt, "no node under " + to_hex(id));
      }
      for (uint64_t child = 0; child < 64; child++) {
        Hash hash;
        std::memcpy(hash.data(), &node.bytes[1 + child * 32], sizeof hash);
        if (!is_zero(hash)) below[index * 64 + child] = hash;
      }
    }
    level = std::move(below);
  }
  for (const auto& [index, id] : level) {
    if (index * kChunkBytes >= volume_bytes) return error(Code::kCorrupt, "a chunk past the end");
    TRY(stored_chunk(store, id));
  }
  return level;
}

// Everything in the packs is what its id says, whoever put it there.
inline Result<uint64_t> verify_packs(ChunkStore& store, const std::string& folder) {
  uint64_t frames = 0;
  for (const std::string& path : packs_of(folder)) {
    const PackName name = *parse_pack_name(fs::path(path).filename());
    for (const DirectoryEntry& entry : TRY(read_directory(path, name))) {
      frames++;
      if (entry.kind == FrameKind::kRaw || entry.kind == FrameKind::kLz4 ||
          entry.kind == FrameKind::kDelta) {
        TRY(stored_chunk(store, entry.id));
        continue;
      }
      const bool node = entry.kind == FrameKind::kNode;
      const Hash& key = node ? default_keys().node : default_keys().manifest;
      if (keyed_hash(key, TRY(store.read(entry.id)).bytes) != entry.id) {
        return error(Code::kCorrupt, "other bytes are stored under " + to_hex(entry.id));
      }
    }
  }
  return frames;
}

}  // namespace ashlar::test
