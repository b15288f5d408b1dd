// The plain model of a volume: bytes by 4 KiB block, absent = zeros. Blocks are shared between
// copies, so that a snapshot of the model is cheap.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace ashlar::test {

class ByteModel {
 public:
  using Block = std::array<uint8_t, kBlockBytes>;
  using BlockPtr = std::shared_ptr<const Block>;

  uint64_t bytes = 0;

  void write(uint64_t offset, Bytes data) {
    each_block(offset, data.size(),
               [&](uint64_t block, uint64_t in_block, uint64_t at, uint64_t count) {
                 auto next = std::make_shared<Block>(content(block));
                 std::memcpy(next->data() + in_block, data.data() + at, count);
                 blocks_[block] = next;
               });
  }
  void zero(uint64_t offset, uint64_t count_bytes) {
    const uint64_t first = (offset + kBlockBytes - 1) / kBlockBytes;
    const uint64_t end = (offset + count_bytes) / kBlockBytes;
    if (first < end) blocks_.erase(blocks_.lower_bound(first), blocks_.lower_bound(end));
    const auto clear = [&](uint64_t block, uint64_t in_block, uint64_t, uint64_t count) {
      auto next = std::make_shared<Block>(content(block));
      std::memset(next->data() + in_block, 0, count);
      blocks_[block] = next;
    };
    if (first > end) return each_block(offset, count_bytes, clear);
    each_block(offset, first * kBlockBytes - offset, clear);
    each_block(end * kBlockBytes, (offset + count_bytes) - end * kBlockBytes, clear);
  }
  void read(uint64_t offset, MutableBytes into) const {
    each_block(offset, into.size(),
               [&](uint64_t block, uint64_t in_block, uint64_t at, uint64_t count) {
                 std::memcpy(into.data() + at, content(block).data() + in_block, count);
               });
  }
  const Block& content(uint64_t block) const {
    static const Block zeros{};
    const auto found = blocks_.find(block);
    return found == blocks_.end() ? zeros : *found->second;
  }
  bool any_block(uint64_t first, uint64_t count) const {
    const auto found = blocks_.lower_bound(first);
    return found != blocks_.end() && found->first < first + count;
  }
  bool same_block(const ByteModel& other, uint64_t block) const {
    const Block& mine = content(block);
    const Block& theirs = other.content(block);
    return &mine == &theirs || mine == theirs;
  }
  const std::map<uint64_t, BlockPtr>& blocks() const { return blocks_; }

 private:
  template <typename Fn>
  static void each_block(uint64_t offset, uint64_t bytes_left, Fn visit) {
    uint64_t at = 0;
    while (bytes_left > 0) {
      const uint64_t in_block = offset % kBlockBytes;
      const uint64_t count = std::min(bytes_left, kBlockBytes - in_block);
      visit(offset / kBlockBytes, in_block, at, count);
      offset += count;
      at += count;
      bytes_left -= count;
    }
  }

  std::map<uint64_t, BlockPtr> blocks_;
};

}  // namespace ashlar::test
