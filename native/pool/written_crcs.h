// WrittenCrcs: the CRCs of the pages that a checkpoint writes, from the moment they are known until
// every entry that stood above those pages then has its CRC. Whoever copies an entry to another
// place meanwhile (a cut, a branch, a dead tree, a copied page) completes the copy here: the
// checkpoint may have passed that place already, and would never come back to it.
//
// Thread: any; mutex_ guards the table. A copy is made under the lock under which the checkpoint
// patches the place (the map lock of the head, the append lock for rows of tables); it opens the
// table before it takes the first of them, so a copy that found it closed is still ahead of it.
#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <unordered_map>

#include "format/pool_format.h"

namespace ashlar {

uint32_t load_crc(const MapEntry& entry);
void store_crc(MapEntry& entry, uint32_t crc);

class WrittenCrcs {
 public:
  using Table = std::unordered_map<PoolBlock, uint32_t>;

  static void patch(MapEntry& entry, const Table& crcs) {
    if (!entry.mapped()) return;
    const auto found = crcs.find(entry.block());
    if (found != crcs.end()) store_crc(entry, found->second);
  }

  // The table stays as it is until close().
  void open(const Table& crcs) {
    std::lock_guard lock(mutex_);
    table_ = &crcs;
    open_.store(true);
  }
  void close() {
    std::lock_guard lock(mutex_);
    open_.store(false);
    table_ = nullptr;
  }

  void complete(std::span<MapEntry> copies) const {
    if (!open_.load()) return;
    std::lock_guard lock(mutex_);
    if (!table_) return;
    for (MapEntry& entry : copies)
      patch(entry, *table_);
  }
  void complete(MapEntry& copy) const { complete(std::span(&copy, 1)); }

 private:
  std::atomic<bool> open_{false};
  mutable std::mutex mutex_;
  const Table* table_ = nullptr;
};

}  // namespace ashlar
