// Pages of the maps: 256 entries each, found by the block they live in. A page is dirty from the
// moment it is made until the checkpoint of its generation is durable; it keeps its block all that
// time. Dirty pages stay; clean ones are dropped by a clock hand when the bound is passed.
//
// Who may change a page: only the lineage that made it, under that lineage's map lock, and only
// while the generation and epoch it was made in are the current ones. Everybody else sees it
// immutable, but for the CRCs of children, which a checkpoint fills in (`store_crc`, atomic).
//
// Thread: the shards' locks guard the tables; no I/O under them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "device/device.h"
#include "format/pool_format.h"
#include "pool/written_crcs.h"

namespace ashlar {

struct Page {
  alignas(64) EntryPage entries;
  PoolBlock block = 0;
  uint64_t generation = 0;  // in which it was made
  LineageId lineage = 0;
  uint8_t level = 0;  // 0 = leaf
  std::atomic<bool> dirty{false};
  std::atomic<bool> touched{true};
};
using PagePtr = std::shared_ptr<Page>;

// Copies entries while a checkpoint may be storing CRCs in `from`.
void copy_entries(EntryPage& to, const EntryPage& from);

class PageCache {
 public:
  PageCache(Device& device, uint64_t bytes_max);

  // Null when it is not in memory.
  PagePtr find(PoolBlock block);
  // Reads and verifies it. kCorrupt when the bytes do not fit the CRC.
  Result<PagePtr> load(PoolBlock block, uint32_t crc, uint8_t level);
  // A new dirty page at `block`.
  PagePtr make(PoolBlock block, uint8_t level, LineageId lineage, uint64_t generation);
  // Dirty pages made in `generation` or before.
  std::vector<PagePtr> dirty_until(uint64_t generation) const;
  std::vector<PagePtr> dirty_after(uint64_t generation) const;
  // Written and durable: evictable.
  void clean(const std::vector<PagePtr>& pages);

  WrittenCrcs& written_crcs() { return written_crcs_; }
  uint64_t dirty_bytes() const { return dirty_count_ * kBlockBytes; }

  // Since it was made, and what it holds now.
  struct Use {
    uint64_t hits = 0;
    uint64_t misses = 0;
    uint64_t bytes = 0;
  };
  Use use() const;

 private:
  static constexpr size_t kShards = 16;
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<PoolBlock, PagePtr> pages;
    std::vector<PoolBlock> clock;  // clean candidates, in turn
    size_t hand = 0;
    uint64_t hits = 0;
    uint64_t misses = 0;
  };

  Shard& shard_of(PoolBlock block) { return shards_[block % kShards]; }
  void evict(Shard& shard);

  Device& device_;
  const size_t pages_per_shard_max_;
  std::array<Shard, kShards> shards_;
  WrittenCrcs written_crcs_;

  mutable std::mutex dirty_mutex_;
  std::unordered_map<PoolBlock, PagePtr> dirty_;
  std::atomic<uint64_t> dirty_count_{0};
};

}  // namespace ashlar
