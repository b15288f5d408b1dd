#include "pool/page_cache.h"

#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"

namespace ashlar {

uint32_t load_crc(const MapEntry& entry) {
  return std::atomic_ref<uint32_t>(const_cast<uint32_t&>(entry.crc))
      .load(std::memory_order_relaxed);
}

void store_crc(MapEntry& entry, uint32_t crc) {
  std::atomic_ref<uint32_t>(entry.crc).store(crc, std::memory_order_relaxed);
}

void copy_entries(EntryPage& to, const EntryPage& from) {
  for (size_t i = 0; i < kEntriesPerPage; i++) {
    to[i].block_and_birth = from[i].block_and_birth;
    to[i].crc = load_crc(from[i]);
    to[i].owner_and_state = from[i].owner_and_state;
  }
}

PageCache::PageCache(Device& device, uint64_t bytes_max)
    : device_(device),
      pages_per_shard_max_(std::max<size_t>(16, size_t(bytes_max / kBlockBytes / kShards))) {}

PagePtr PageCache::find(PoolBlock block) {
  Shard& shard = shard_of(block);
  std::lock_guard lock(shard.mutex);
  const auto found = shard.pages.find(block);
  if (found == shard.pages.end()) return nullptr;
  shard.hits++;
  found->second->touched.store(true, std::memory_order_relaxed);
  return found->second;
}

Result<PagePtr> PageCache::load(PoolBlock block, uint32_t crc, uint8_t level) {
  if (PagePtr page = find(block)) return page;
  auto page = std::make_shared<Page>();
  const MutableBytes bytes(reinterpret_cast<uint8_t*>(page->entries.data()), kBlockBytes);
  if ((block + 1) * kBlockBytes > device_.size_bytes()) {
    return error(Code::kCorrupt, "map page " + std::to_string(block) + " lies past the pool's end");
  }
  TRY(device_.read(block * kBlockBytes, bytes));
  if (crc32c(bytes) != crc) {
    return error(Code::kCorrupt, "map page at pool block " + std::to_string(block) +
                                     " does not match its checksum");
  }
  page->block = block;
  page->level = level;
  Shard& shard = shard_of(block);
  std::lock_guard lock(shard.mutex);
  shard.misses++;
  const auto [at, inserted] = shard.pages.emplace(block, page);
  if (inserted) {
    shard.clock.push_back(block);
    evict(shard);
  }
  return at->second;
}

PagePtr PageCache::make(PoolBlock block, uint8_t level, LineageId lineage, uint64_t generation) {
  auto page = std::make_shared<Page>();
  page->block = block;
  page->level = level;
  page->lineage = lineage;
  page->generation = generation;
  page->dirty = true;
  {
    std::lock_guard lock(dirty_mutex_);
    dirty_[block] = page;
    dirty_count_ = dirty_.size();
  }
  Shard& shard = shard_of(block);
  std::lock_guard lock(shard.mutex);
  shard.pages[block] = page;
  return page;
}

PageCache::Use PageCache::use() const {
  Use use;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    use.hits += shard.hits;
    use.misses += shard.misses;
    use.bytes += shard.pages.size() * sizeof(Page);
  }
  return use;
}

// Drops clean, untouched pages that nobody holds, from the hand on, at most two turns.
void PageCache::evict(Shard& shard) {
  size_t steps = 2 * shard.clock.size();
  while (shard.clock.size() > pages_per_shard_max_ && steps-- > 0) {
    if (shard.hand >= shard.clock.size()) shard.hand = 0;
    const PoolBlock block = shard.clock[shard.hand];
    const auto found = shard.pages.find(block);
    const bool gone = found == shard.pages.end();
    if (!gone) {
      Page& page = *found->second;
      const bool held = found->second.use_count() > 1 || page.dirty.load(std::memory_order_relaxed);
      if (held || page.touched.exchange(false, std::memory_order_relaxed)) {
        shard.hand++;
        continue;
      }
      shard.pages.erase(found);
    }
    shard.clock[shard.hand] = shard.clock.back();
    shard.clock.pop_back();
  }
}

std::vector<PagePtr> PageCache::dirty_until(uint64_t generation) const {
  std::lock_guard lock(dirty_mutex_);
  std::vector<PagePtr> pages;
  for (const auto& [block, page] : dirty_) {
    if (page->generation <= generation) pages.push_back(page);
  }
  return pages;
}

std::vector<PagePtr> PageCache::dirty_after(uint64_t generation) const {
  std::lock_guard lock(dirty_mutex_);
  std::vector<PagePtr> pages;
  for (const auto& [block, page] : dirty_) {
    if (page->generation > generation) pages.push_back(page);
  }
  return pages;
}

void PageCache::clean(const std::vector<PagePtr>& pages) {
  {
    std::lock_guard lock(dirty_mutex_);
    for (const PagePtr& page : pages) {
      const auto found = dirty_.find(page->block);
      if (found != dirty_.end() && found->second == page) dirty_.erase(found);
    }
    dirty_count_ = dirty_.size();
  }
  for (const PagePtr& page : pages) {
    page->dirty = false;
    Shard& shard = shard_of(page->block);
    std::lock_guard lock(shard.mutex);
    const auto found = shard.pages.find(page->block);
    if (found != shard.pages.end() && found->second == page) shard.clock.push_back(page->block);
    evict(shard);
  }
}

}  // namespace ashlar
