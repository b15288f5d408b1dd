// Head: the live map of one volume. Everything but the constants is guarded by map_lock, held for
// one batch's lookups or one apply, never across I/O. Several map locks are taken in order of
// lineage. Order of locks: map locks, then the journal's append lock, then the leaf locks of pages
// and space.
#pragma once

#include <atomic>
#include <mutex>

#include "base/id.h"
#include "extent/extent_map.h"

namespace ashlar {

struct Head {
  Head(LineageId lineage_id, const Id& volume_id) : lineage(lineage_id), volume(volume_id) {}

  const LineageId lineage;
  const Id volume;
  uint32_t stall_ms = 0;  // of the volume's row; 0 = not said. Set as the head is made

  mutable std::mutex map_lock;
  MapEntry root;
  uint8_t height = 1;
  Epoch epoch = 1;
  Floor floor;
  bool deleted = false;

  std::atomic<uint64_t> bytes{0};   // changes under map_lock and append lock
  std::atomic<uint32_t> origin{0};  // slot + 1 of the origin, 0 = none or hydrated

  // Blocks of a restored volume that have become local, of those that its origin covers; below
  // counted_until everything is counted (under map_lock, by the hydrator alone).
  std::atomic<uint64_t> local_blocks{0};
  uint64_t counted_until = 0;

  // The root as it was at the mark of every generation below changed_generation.
  uint64_t changed_generation = 0;
  MapEntry marked_root;

  // Requires map_lock; call before every change, with the generation its record was given.
  void begin_change(uint64_t generation) {
    CHECK(generation >= changed_generation);
    if (generation == changed_generation) return;
    marked_root = root;
    changed_generation = generation;
  }
  const MapEntry& root_at(uint64_t generation) const {
    return changed_generation > generation ? marked_root : root;
  }
  uint64_t blocks() const { return bytes / kBlockBytes; }
};

}  // namespace ashlar
