#include "volume/volume.h"

#include <algorithm>

#include "base/failpoint.h"

namespace ashlar {

Result<void> Volume::flush() {
  return pool_.sync();
}

Result<void> Volume::zero_partial(uint64_t block, uint64_t offset_in_block, uint64_t bytes) {
  // Nothing to do where it reads as zero already.
  std::vector<uint8_t> zeros(bytes);
  ReadRequest probe;
  std::vector<uint8_t> old(bytes);
  probe.offset = block * kBlockBytes + offset_in_block;
  probe.into = old;
  read(std::span(&probe, 1), Wait::kAllowed);
  if (probe.outcome == ReadRequest::Outcome::kFailed) return std::move(probe.error);
  if (!probe.zeros.empty() && probe.zeros[0].bytes == bytes) return {};
  return write_partial(block, offset_in_block, zeros);
}

bool Volume::erase_is_fast(ByteRange range) const {
  const bool to_the_end = range.end() == head_->bytes;
  return range.offset % kBlockBytes == 0 && (range.end() % kBlockBytes == 0 || to_the_end);
}

Result<void> Volume::erase(ByteRange range, Erase how) {
  CHECK(range.bytes > 0);
  TRY(apply_erase(range, how));
  return pool_.journal().hand_over();  // acknowledged: survives the death of the process (I1)
}

Result<void> Volume::apply_erase(ByteRange range, Erase how) {
  const uint64_t head_bytes =
      std::min(range.bytes, (kBlockBytes - range.offset % kBlockBytes) % kBlockBytes);
  if (head_bytes > 0) {
    TRY(zero_partial(range.offset / kBlockBytes, range.offset % kBlockBytes, head_bytes));
    range = {range.offset + head_bytes, range.bytes - head_bytes};
  }
  const uint64_t tail_bytes = range.bytes % kBlockBytes;
  if (tail_bytes > 0) TRY(zero_partial(range.end() / kBlockBytes, 0, tail_bytes));
  const uint64_t first = range.offset / kBlockBytes;
  const uint64_t count = range.bytes / kBlockBytes;
  if (count == 0) return {};

  auto admission =
      TRY(pool_.admit(sizeof(EraseRecord), 4u * head_->height, Space::Purpose::kMetadata));
  EraseRecord record;
  record.header = {RecordType::kErase, how == Erase::kZeroKeep ? kEraseZeroKeep : uint8_t(0), 0,
                   sizeof record};
  record.lineage = head_->lineage;
  record.first = first;
  record.count = count;
  for (;;) {
    std::optional<Missing> missing;
    {
      std::lock_guard map(head_->map_lock);
      if (head_->deleted) {
        return error(Code::kVolumeNotFound, "volume " + to_string(head_->volume) + " was deleted");
      }
      std::vector<PagePtr> held;
      missing = ExtentMap::require(pool_.pages(), head_->root, head_->height, first, count,
                                   &head_->floor, &held);
      if (!missing) {
        record.epoch = head_->epoch;
        // Dead trees are records of the pool: they belong to the same side of a mark as the erase.
        std::lock_guard append(pool_.journal().append_lock());
        FAILPOINT(kErase);
        const uint64_t generation =
            pool_.journal().append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
        pool_.state().apply_erase(*head_, record, generation);
        return {};
      }
    }
    TRY(pool_.load(*missing));
  }
}

Result<std::vector<StatusExtent>> Volume::status(ByteRange range, size_t extents_max) {
  constexpr size_t kEntriesMax = 65'536;  // work is bounded: the answer may be short
  std::vector<StatusExtent> extents;
  for (int attempts = 0;; attempts++) {
    extents.clear();
    size_t visited = 0;
    std::optional<Missing> missing;
    {
      std::lock_guard map(head_->map_lock);
      const uint64_t first = range.offset / kBlockBytes;
      const uint64_t blocks = head_->blocks();
      CHECK(first < blocks);
      uint64_t skip = range.offset % kBlockBytes;
      missing = ExtentMap::lookup(
          pool_.pages(), head_->root, head_->height, first, blocks - first,
          [&](uint64_t at, uint64_t count, const MapEntry& entry) {
            // Where the answer has everything that was asked for, the last extent may run on.
            const bool hole = entry.state() == State::kHole;
            const bool allocated = !hole || entry.zero_keep();
            const uint64_t bytes = count * kBlockBytes - skip;
            skip = 0;
            if (!extents.empty() && extents.back().zero == hole &&
                extents.back().hole == !allocated) {
              extents.back().bytes += bytes;
            } else {
              if (extents.size() == extents_max || at * kBlockBytes >= range.end()) return false;
              extents.push_back({bytes, !allocated, hole});
            }
            return ++visited < kEntriesMax;
          });
    }
    if (!missing) return extents;
    // Enough is known to answer, or the next page has to come in.
    if (!extents.empty() && attempts > 64) return extents;
    TRY(pool_.load(*missing));
  }
}

void Volume::prefetch(ByteRange range) {
  std::vector<PoolRun> runs;
  {
    std::lock_guard map(head_->map_lock);
    (void)ExtentMap::lookup(pool_.pages(), head_->root, head_->height, range.offset / kBlockBytes,
                            (range.bytes + kBlockBytes - 1) / kBlockBytes,
                            [&](uint64_t, uint64_t, const MapEntry& entry) {
                              if (!entry.mapped()) return true;
                              if (!runs.empty() && runs.back().end() == entry.block()) {
                                runs.back().count++;
                              } else {
                                runs.push_back({entry.block(), 1});
                              }
                              return runs.size() < 64;
                            });
  }
  for (const PoolRun& run : runs) {
    pool_.device().prefetch({run.first * kBlockBytes, run.count * kBlockBytes});
  }
}

}  // namespace ashlar
