#include "volume/cut_image.h"

#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"

namespace ashlar {
namespace {

constexpr auto kStall = std::chrono::milliseconds(20'000);

}  // namespace

Result<std::unique_ptr<CutImage>> CutImage::open(Pool& pool, Hydrators& hydrators,
                                                 const Id& snapshot,
                                                 const std::optional<Id>& base) {
  std::lock_guard append(pool.journal().append_lock());
  const PoolState& state = pool.state();
  const CutRow* row = state.cut(snapshot);
  if (!row || row->flags & (kCutDropping | kCutHidden)) {
    return error(Code::kSnapshotNotFound,
                 pool.name() + ": no cut of snapshot " + to_string(snapshot) + " is held here");
  }
  // While it is pinned the cut keeps its origin.
  auto hydrator = row->origin ? hydrators.at(row->origin - 1) : nullptr;
  const auto base_epoch = base ? state.base_epoch(*row, *base) : std::nullopt;
  return std::unique_ptr<CutImage>(new CutImage(pool, *row, base_epoch, std::move(hydrator)));
}

CutImage::CutImage(Pool& pool, const CutRow& row, std::optional<Epoch> base_epoch,
                   std::shared_ptr<Hydrator> hydrator)
    : pool_(pool),
      hydrator_(std::move(hydrator)),
      snapshot_(row.snapshot),
      lineage_(row.lineage),
      epoch_(row.epoch),
      base_epoch_(base_epoch),
      bytes_(row.bytes),
      height_(height_for(row.bytes)) {
  pool_.pin_cut(snapshot_);
}

CutImage::~CutImage() {
  pool_.unpin_cut(snapshot_);
}

// Read anew each time: a checkpoint fills in the root's checksum.
MapEntry CutImage::root() const {
  std::lock_guard append(pool_.journal().append_lock());
  const CutRow* row = std::as_const(pool_.state()).cut_at(lineage_, epoch_);
  CHECK(row != nullptr);  // pinned
  return row->root;
}

Result<std::optional<ChunkRange>> CutImage::next_chunks(uint64_t chunk) {
  const uint64_t blocks = (bytes_ + kBlockBytes - 1) / kBlockBytes;
  const uint64_t origin_blocks = hydrator_ ? hydrator_->origin_bytes() / kBlockBytes : 0;
  for (;;) {
    const uint64_t first = chunk * kBlocksPerChunk;
    if (first >= blocks) return std::optional<ChunkRange>();
    std::optional<ChunkRange> found;
    uint64_t seen = first;
    const auto missing = ExtentMap::lookup(
        pool_.pages(), root(), height_, first, blocks - first,
        [&](uint64_t at, uint64_t count, const MapEntry& entry) {
          seen = at + count;
          const bool remote = entry.state() == State::kRemote && at < origin_blocks;
          if (!entry.mapped() && !remote) return !found;
          const uint64_t end = remote ? std::min(at + count, origin_blocks) : at + count;
          const uint64_t from = at / kBlocksPerChunk;
          const uint64_t to = (end + kBlocksPerChunk - 1) / kBlocksPerChunk;
          if (!found) {
            found = ChunkRange{from, to - from};
          } else if (from > found->first + found->count) {
            return false;
          } else {
            found->count = std::max(found->count, to - found->first);
          }
          return found->count < 1024;
        });
    if (!missing) return found;
    if (found) return found;  // what is known is enough; the rest comes with the next call
    TRY(pool_.load(*missing));
    chunk = std::max(chunk, seen / kBlocksPerChunk);
  }
}

Result<std::vector<ChangedChunk>> CutImage::next_changed(uint64_t chunk, size_t max) {
  return changed_in(chunk * kBlocksPerChunk, (bytes_ + kBlockBytes - 1) / kBlockBytes, max);
}

Result<uint16_t> CutImage::changed_blocks(uint64_t chunk) {
  const uint64_t blocks = (bytes_ + kBlockBytes - 1) / kBlockBytes;
  const uint64_t first = chunk * kBlocksPerChunk;
  const auto found = TRY(changed_in(first, std::min(first + kBlocksPerChunk, blocks), 1));
  return uint16_t(found.empty() ? 0 : found[0].block_map);
}

// Of the blocks [seen, end).
Result<std::vector<ChangedChunk>> CutImage::changed_in(uint64_t seen, uint64_t end_block,
                                                       size_t max) {
  CHECK(base_epoch_.has_value());
  std::vector<ChangedChunk> found;
  bool full = false;
  const auto visit = [&](uint64_t first, uint64_t count, const MapEntry& entry) {
    const bool hole = entry.state() == State::kHole;
    for (uint64_t at = first; at < first + count;) {
      const uint64_t index = at / kBlocksPerChunk;
      const uint64_t end = std::min(first + count, (index + 1) * kBlocksPerChunk);
      if (found.empty() || found.back().index != index) {
        full = found.size() == max;
        if (full) return false;
        found.push_back({index, 0, true});
      }
      const uint32_t bits = ((1u << (end - at)) - 1) << (at % kBlocksPerChunk);
      found.back().block_map |= uint16_t(bits);
      found.back().zero = found.back().zero && hole;
      at = end;
    }
    seen = first + count;
    return true;
  };
  while (seen < end_block && !full) {
    const auto missing = ExtentMap::diff(pool_.pages(), root(), height_, seen, end_block - seen,
                                         *base_epoch_, visit);
    if (!missing) break;
    TRY(pool_.load(*missing));
  }
  for (ChangedChunk& changed : found)
    changed.zero = changed.zero && changed.block_map == UINT16_MAX;
  return found;
}

Result<void> CutImage::read_chunks(uint64_t first_chunk, uint64_t count, MutableBytes into) {
  CHECK(into.size() == count * kChunkBytes);
  const uint64_t blocks = (bytes_ + kBlockBytes - 1) / kBlockBytes;
  const uint64_t first = first_chunk * kBlocksPerChunk;
  const uint64_t end = std::min(first + count * kBlocksPerChunk, blocks);
  struct Source {
    uint64_t logical;
    MapEntry entry;
  };
  std::vector<Source>
      sources;  // pinned: its blocks stay, so no grace section is held while we wait
  for (;;) {
    sources.clear();
    const auto missing = ExtentMap::lookup(pool_.pages(), root(), height_, first, end - first,
                                           [&](uint64_t at, uint64_t run, const MapEntry& entry) {
                                             if (entry.state() == State::kHole) return true;
                                             for (uint64_t i = 0; i < run; i++) {
                                               sources.push_back({at + i, entry});
                                             }
                                             return true;
                                           });
    if (!missing) break;
    TRY(pool_.load(*missing));
  }
  uint64_t filled = first;  // everything before has its content
  const auto place = [&](uint64_t logical) {
    return into.data() + (logical - first) * kBlockBytes;
  };
  const auto zero_until = [&](uint64_t logical) {
    std::memset(place(filled), 0, (logical - filled) * kBlockBytes);
  };
  const uint64_t origin_blocks = hydrator_ ? hydrator_->origin_bytes() / kBlockBytes : 0;
  ChunkBytes chunk;
  uint64_t chunk_index = UINT64_MAX;
  for (size_t i = 0; i < sources.size();) {
    const auto& [logical, entry] = sources[i];
    zero_until(logical);
    if (entry.state() == State::kRemote) {
      if (logical < origin_blocks) {
        if (logical / kBlocksPerChunk != chunk_index) {
          chunk_index = logical / kBlocksPerChunk;
          chunk = TRY(hydrator_->fetch(chunk_index, kStall));
        }
        std::memcpy(place(logical), chunk->data() + logical % kBlocksPerChunk * kBlockBytes,
                    kBlockBytes);
      } else {
        std::memset(place(logical), 0, kBlockBytes);
      }
      filled = logical + 1;
      i++;
      continue;
    }
    size_t run = 1;
    while (i + run < sources.size() && sources[i + run].entry.mapped() &&
           sources[i + run].logical == logical + run &&
           sources[i + run].entry.block() == entry.block() + run) {
      run++;
    }
    const MutableBytes target(place(logical), run * kBlockBytes);
    TRY(pool_.device().read(entry.block() * kBlockBytes, target));
    std::vector<uint32_t> crcs(run);
    crc32c_blocks(target.data(), run, crcs.data());
    for (size_t k = 0; k < run; k++) {
      if (crcs[k] == sources[i + k].entry.crc) continue;
      return error(Code::kCorrupt, "snapshot " + to_string(snapshot_) + ": the data at offset " +
                                       std::to_string((logical + k) * kBlockBytes) +
                                       " does not match its checksum");
    }
    filled = logical + run;
    i += run;
  }
  std::memset(place(filled), 0, (first + count * kBlocksPerChunk - filled) * kBlockBytes);
  return {};
}

}  // namespace ashlar
