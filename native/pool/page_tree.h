// A page tree: an array of 4 KiB payload pages (bitmap pages, table pages) under index pages of 256
// entries {block, CRC, count}. Redirected like everything else: a checkpoint gives every page on
// the way from a changed payload page to the root a new block, then fills in CRCs from the leaves
// up. The index is held in memory whole (16 B for 4 KiB).
//
// Thread: one checkpoint (or recovery) at a time owns it.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "device/device.h"
#include "format/pool_format.h"

namespace ashlar {

using BlockImage = std::array<uint8_t, kBlockBytes>;
struct BlockWrite {
  PoolBlock block = 0;
  BlockImage image;
};

class PageTree {
 public:
  // Reads the index pages under `root`. kCorrupt on a bad checksum.
  static Result<PageTree> open(Device& device, const TreeRoot& root, const char* name);
  PageTree() { resize(0); }

  uint64_t pages() const { return levels_[0].size(); }
  // Only grows. The pages that are new are absent (block 0).
  void resize(uint64_t pages);
  Result<BlockImage> read(Device& device, uint64_t page) const;
  bool present(uint64_t page) const { return levels_[0][page].block != 0; }
  // Every block of the tree: payload and index pages.
  std::vector<PoolBlock> blocks() const;

  // Gives `page` and its index path new blocks, once a checkpoint; idempotent until finish().
  // `allocate` and `release` may lead to more pages being relocated: the caller loops.
  void relocate(uint64_t page, const std::function<PoolBlock()>& allocate,
                const std::function<void(PoolBlock)>& release);
  std::set<uint64_t> relocated_pages() const;
  // Payload images in, block writes out, payload and index; then the tree equals what they say.
  struct Payload {
    BlockImage image;
    uint32_t count = 0;
  };
  std::vector<BlockWrite> finish(const std::function<Payload(uint64_t page)>& payload);
  TreeRoot root() const;

 private:
  using Level = std::vector<IndexEntry>;
  BlockImage index_image(size_t level, uint64_t page) const;

  const char* name_ = "";
  std::vector<Level> levels_;                        // [0][i] = entry of payload page i
  std::set<std::pair<size_t, uint64_t>> relocated_;  // (level, index)
};

}  // namespace ashlar
