#include "volume/volume.h"

#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"

namespace ashlar {
namespace {

constexpr auto kStall = std::chrono::milliseconds(20'000);  // under clients' 30 s
constexpr uint64_t kPieceBlocksMax = 8192;                  // 32 MiB: a record stays in one batch

// What one block of a read needs once the map has spoken.
struct BlockSource {
  uint64_t logical = 0;
  PoolBlock block = 0;
  uint32_t crc = 0;
};

struct ReadPlan {
  std::vector<BlockSource> blocks;  // ascending
  std::vector<uint64_t> remote;     // logical blocks
  std::vector<std::pair<uint64_t, uint64_t>> zeros;
};

ReadPlan& scratch_plan() {
  static thread_local ReadPlan plan;
  plan.blocks.clear();
  plan.remote.clear();
  plan.zeros.clear();
  return plan;
}

uint64_t origin_blocks_of(Hydrators& hydrators, uint32_t slot) {
  const auto hydrator = hydrators.at(slot);
  return hydrator ? hydrator->origin_bytes() / kBlockBytes : 0;
}

// Requires the map lock. Fills the plan for [first, first + count).
std::optional<Missing> plan_read(PageCache& pages, const Head& head, uint64_t first, uint64_t count,
                                 ReadPlan& plan) {
  return ExtentMap::lookup(pages, head.root, head.height, first, count,
                           [&](uint64_t at, uint64_t blocks, const MapEntry& entry) {
                             switch (entry.state()) {
                               case State::kMapped:
                                 plan.blocks.push_back({at, entry.block(), entry.crc});
                                 break;
                               case State::kHole:
                                 plan.zeros.emplace_back(at, blocks);
                                 break;
                               case State::kRemote:
                                 for (uint64_t i = 0; i < blocks; i++)
                                   plan.remote.push_back(at + i);
                                 break;
                             }
                             return true;
                           });
}

// Where block `logical` meets the request's buffer.
struct Overlap {
  uint64_t in_block = 0;
  uint64_t in_buffer = 0;
  uint64_t bytes = 0;
};
Overlap overlap(const ReadRequest& request, uint64_t logical) {
  const uint64_t begin = std::max(request.offset, logical * kBlockBytes);
  const uint64_t end = std::min(request.offset + request.into.size(), (logical + 1) * kBlockBytes);
  return {begin - logical * kBlockBytes, begin - request.offset, end - begin};
}

enum class Fetched : uint8_t { kGood, kWouldBlock, kMismatch };

Result<Fetched> read_range(Device& device, uint64_t offset, MutableBytes into, Wait wait) {
  if (TRY(device.read_cached(offset, into))) return Fetched::kGood;
  if (wait == Wait::kNever) return Fetched::kWouldBlock;
  TRY(device.read(offset, into));
  return Fetched::kGood;
}

// Reads the plan's blocks into the request's buffer, neighbours on disk at once, and verifies them.
Result<Fetched> fetch_blocks(Device& device, const ReadPlan& plan, ReadRequest& request,
                             Wait wait) {
  alignas(64) uint8_t edge[kBlockBytes];
  std::array<uint32_t, kEntriesPerPage> crcs;
  for (size_t i = 0; i < plan.blocks.size();) {
    const BlockSource& first = plan.blocks[i];
    const Overlap place = overlap(request, first.logical);
    if (place.bytes < kBlockBytes) {
      const Fetched got = TRY(read_range(device, first.block * kBlockBytes, edge, wait));
      if (got != Fetched::kGood) return got;
      if (crc32c(edge) != first.crc) return Fetched::kMismatch;
      std::memcpy(request.into.data() + place.in_buffer, edge + place.in_block, place.bytes);
      i++;
      continue;
    }
    size_t count = 1;
    while (i + count < plan.blocks.size() && count < crcs.size() &&
           plan.blocks[i + count].logical == first.logical + count &&
           plan.blocks[i + count].block == first.block + count &&
           overlap(request, first.logical + count).bytes == kBlockBytes) {
      count++;
    }
    const MutableBytes into = request.into.subspan(place.in_buffer, count * kBlockBytes);
    const Fetched got = TRY(read_range(device, first.block * kBlockBytes, into, wait));
    if (got != Fetched::kGood) return got;
    crc32c_blocks(into.data(), count, crcs.data());
    for (size_t k = 0; k < count; k++) {
      if (crcs[k] != plan.blocks[i + k].crc) return Fetched::kMismatch;
    }
    i += count;
  }
  return Fetched::kGood;
}

void add_zeros(ReadRequest& request, uint64_t begin, uint64_t end) {
  begin = std::max(begin, request.offset);
  end = std::min(end, request.offset + request.into.size());
  if (begin >= end) return;
  const uint64_t at = begin - request.offset;
  if (!request.zeros.empty() && request.zeros.back().end() == at) {
    request.zeros.back().bytes += end - begin;
  } else {
    request.zeros.push_back({at, end - begin});
  }
}

Result<Fetched> fetch_remote(Hydrators& hydrators, Head& head, uint32_t slot, const ReadPlan& plan,
                             ReadRequest& request) {
  const auto hydrator = hydrators.at(slot);
  if (!hydrator) return Fetched::kMismatch;  // it became local meanwhile: look again
  const auto is_local = [&] {
    std::lock_guard lock(head.map_lock);
    return head.origin != slot + 1;
  };
  ChunkBytes chunk;
  uint64_t chunk_index = UINT64_MAX;
  for (const uint64_t logical : plan.remote) {
    if (logical / kBlocksPerChunk != chunk_index) {
      chunk_index = logical / kBlocksPerChunk;
      chunk = TRY(hydrator->fetch(chunk_index, kStall, is_local));
      if (!chunk) return Fetched::kMismatch;
    }
    const Overlap place = overlap(request, logical);
    std::memcpy(request.into.data() + place.in_buffer,
                chunk->data() + logical % kBlocksPerChunk * kBlockBytes + place.in_block,
                place.bytes);
  }
  return Fetched::kGood;
}

}  // namespace

// ---- read ---------------------------------------------------------------------------------------

void Volume::read(std::span<ReadRequest> batch, Wait wait) {
  if (user_ == User::kGuest) hydrators_.note_guest();
  for (ReadRequest& request : batch) {
    CHECK(!request.into.empty());
    const uint64_t first = request.offset / kBlockBytes;
    const uint64_t count =
        (request.offset + request.into.size() + kBlockBytes - 1) / kBlockBytes - first;
    const auto fail = [&](Error reason) {
      request.outcome = ReadRequest::Outcome::kFailed;
      request.error = std::move(reason);
    };
    int mismatches = 0;
    for (bool again = true; again;) {
      again = false;
      request.zeros.clear();
      request.outcome = ReadRequest::Outcome::kDone;
      ReadPlan& plan = scratch_plan();
      Grace::Section grace(pool_.grace());
      std::optional<Missing> missing;
      uint32_t origin = 0;
      {
        std::lock_guard lock(head_->map_lock);
        missing = plan_read(pool_.pages(), *head_, first, count, plan);
        origin = head_->origin;
      }
      if (!missing && !plan.remote.empty()) {
        const uint64_t end = origin ? origin_blocks_of(hydrators_, origin - 1) : 0;
        for (const uint64_t logical : plan.remote) {
          if (logical >= end) plan.zeros.emplace_back(logical, 1);
        }
        std::erase_if(plan.remote, [&](uint64_t logical) { return logical >= end; });
        std::sort(plan.zeros.begin(), plan.zeros.end());
      }
      if ((missing || !plan.remote.empty()) && wait == Wait::kNever) {
        request.outcome = ReadRequest::Outcome::kWouldBlock;
        break;
      }
      if (missing) {
        auto loaded = pool_.load(*missing);
        if (!loaded && ++mismatches > 1) {
          fail(std::move(loaded).error());
        } else {
          again = true;
        }
        continue;
      }
      for (const auto& [at, blocks] : plan.zeros) {
        add_zeros(request, at * kBlockBytes, (at + blocks) * kBlockBytes);
      }
      auto fetched = fetch_blocks(pool_.device(), plan, request, wait);
      if (fetched && *fetched == Fetched::kGood && !plan.remote.empty()) {
        fetched = fetch_remote(hydrators_, *head_, origin - 1, plan, request);
      }
      if (!fetched) {
        fail(std::move(fetched).error());
      } else if (*fetched == Fetched::kWouldBlock) {
        request.outcome = ReadRequest::Outcome::kWouldBlock;
      } else if (*fetched == Fetched::kMismatch) {
        // It may have been moved between lookup and read: look once more, then believe it.
        again = ++mismatches == 1;
        if (!again) {
          fail(error(Code::kCorrupt,
                     "volume " + to_string(head_->volume) + ": the data at offset " +
                         std::to_string(first * kBlockBytes) + " does not match its checksum"));
        }
      }
    }
  }
}

// ---- write --------------------------------------------------------------------------------------

struct Volume::Piece {
  uint64_t first = 0;  // logical block
  Bytes data;
  uint64_t blocks() const { return data.size() / kBlockBytes; }
};

void Volume::write(std::span<WriteRequest> batch) {
  if (user_ == User::kGuest) hydrators_.note_guest();
  std::vector<Piece> pieces;
  std::vector<WriteRequest*> owners;
  uint64_t blocks = 0;
  const auto flush_pieces = [&] {
    if (pieces.empty()) return;
    if (auto written = write_blocks(pieces); !written) {
      for (WriteRequest* owner : owners) {
        owner->failed = true;
        owner->error = written.error();
      }
    }
    pieces.clear();
    owners.clear();
    blocks = 0;
  };
  for (WriteRequest& request : batch) {
    CHECK(!request.data.empty());
    uint64_t at = request.offset;
    Bytes data = request.data;
    const auto partial = [&](uint64_t bytes) {
      flush_pieces();  // in the order asked for, should they overlap
      if (auto written = write_partial(at / kBlockBytes, at % kBlockBytes, data.first(bytes));
          !written) {
        request.failed = true;
        request.error = std::move(written).error();
      }
      at += bytes;
      data = data.subspan(bytes);
    };
    if (at % kBlockBytes != 0) {
      partial(std::min<uint64_t>(data.size(), kBlockBytes - at % kBlockBytes));
    }
    while (data.size() >= kBlockBytes) {
      const uint64_t whole = std::min<uint64_t>(data.size() / kBlockBytes, kPieceBlocksMax);
      if (blocks + whole > kPieceBlocksMax) flush_pieces();
      pieces.push_back({at / kBlockBytes, data.first(whole * kBlockBytes)});
      owners.push_back(&request);
      blocks += whole;
      at += whole * kBlockBytes;
      data = data.subspan(whole * kBlockBytes);
    }
    if (!data.empty()) partial(data.size());
  }
  flush_pieces();
}

namespace {

// Gives blocks back unless they found their place in a map.
class Handed {
 public:
  Handed(Space& space, std::vector<PoolRun> runs) : space_(space), runs_(std::move(runs)) {}
  ~Handed() {
    for (const PoolRun& run : runs_)
      space_.give_back(run);
  }
  Handed(const Handed&) = delete;
  Handed& operator=(const Handed&) = delete;
  const std::vector<PoolRun>& runs() const { return runs_; }
  void mapped() { runs_.clear(); }

 private:
  Space& space_;
  std::vector<PoolRun> runs_;
};

// Calls `part(piece, offset in blocks, pool run)` for every piece of every run, in order.
template <typename Pieces, typename Fn>
void for_parts(const Pieces& pieces, std::span<const PoolRun> runs, Fn part) {
  size_t run = 0;
  uint64_t used = 0;
  for (const auto& piece : pieces) {
    for (uint64_t done = 0; done < piece.blocks();) {
      const uint64_t here = std::min(piece.blocks() - done, runs[run].count - used);
      part(piece, done, PoolRun{runs[run].first + used, here});
      done += here;
      used += here;
      if (used == runs[run].count) {
        run++;
        used = 0;
      }
    }
  }
}

uint64_t write_record_bytes(uint64_t blocks) {
  return sizeof(WriteRecord) + (blocks * 4 + 7) / 8 * 8;
}

}  // namespace

Result<void> Volume::write_blocks(std::span<Piece> pieces) {
  uint64_t blocks = 0;
  uint64_t pages = 0;
  for (const Piece& piece : pieces) {
    blocks += piece.blocks();
    pages += ExtentMap::pages_needed(head_->height, piece.first, piece.blocks()) + 1;
  }
  Handed handed(pool_.space(), TRY(pool_.allocate(blocks)));
  uint64_t record_bytes = 0;
  for_parts(pieces, handed.runs(), [&](const Piece&, uint64_t, const PoolRun& run) {
    record_bytes += write_record_bytes(run.count);
  });
  auto admission = TRY(pool_.admit(record_bytes, pages, Space::Purpose::kData));
  // Bytes first, one device write for each run.
  std::vector<iovec> parts;
  PoolRun open;
  Result<void> written;
  const auto put = [&] {
    if (parts.empty() || !written) return;
    written = pool_.device().write(open.first * kBlockBytes, parts);
    parts.clear();
  };
  for_parts(pieces, handed.runs(), [&](const Piece& piece, uint64_t done, const PoolRun& run) {
    if (parts.empty() || open.end() != run.first) {
      put();
      open = {run.first, 0};
    }
    const Bytes data = piece.data.subspan(done * kBlockBytes, run.count * kBlockBytes);
    parts.push_back({const_cast<uint8_t*>(data.data()), data.size()});
    open.count += run.count;
  });
  put();
  if (!written) return std::move(written).error();
  pool_.note_written(blocks * kBlockBytes);
  TRY(apply_pieces(pieces, handed.runs()));
  handed.mapped();
  return {};
}

// The data lies where it should: records, then the map, under the map lock, so that the order of
// overlapping writes in the map is the order of their records (I8).
Result<void> Volume::apply_pieces(std::span<Piece> pieces, std::span<const PoolRun> runs) {
  struct Part {
    WriteRecord record;
    size_t crcs = 0;  // index of the first
  };
  std::vector<Part> parts;
  std::vector<uint32_t> crcs;
  for_parts(pieces, runs, [&](const Piece& piece, uint64_t done, const PoolRun& run) {
    Part part;
    part.record.header = {RecordType::kWrite, 0, 0, uint32_t(write_record_bytes(run.count))};
    part.record.lineage = head_->lineage;
    part.record.first = piece.first + done;
    part.record.physical = run.first;
    part.record.count = run.count;
    part.crcs = crcs.size();
    crcs.resize(crcs.size() + run.count);
    crc32c_blocks(piece.data.data() + done * kBlockBytes, run.count, &crcs[part.crcs]);
    parts.push_back(part);
  });
  std::vector<PagePtr> held;
  std::vector<uint8_t> bytes;
  for (;;) {
    std::optional<Missing> missing;
    {
      std::lock_guard map(head_->map_lock);
      if (head_->deleted) {
        return error(Code::kVolumeNotFound, "volume " + to_string(head_->volume) + " was deleted");
      }
      held.clear();
      for (const Part& part : parts) {
        missing = ExtentMap::require(pool_.pages(), head_->root, head_->height, part.record.first,
                                     part.record.count, nullptr, &held);
        if (missing) break;
      }
      if (!missing) {
        uint64_t generation = 0;
        {
          std::lock_guard append(pool_.journal().append_lock());
          for (Part& part : parts) {
            part.record.birth = head_->epoch;
            part.record.owner = head_->epoch;
            bytes.assign(part.record.header.length, 0);
            std::memcpy(bytes.data(), &part.record, sizeof part.record);
            std::memcpy(bytes.data() + sizeof part.record, &crcs[part.crcs], part.record.count * 4);
            generation = pool_.journal().append(bytes);
          }
        }
        for (const Part& part : parts) {
          pool_.state().apply_write(*head_, part.record, &crcs[part.crcs], generation);
        }
        return {};
      }
    }
    TRY(pool_.load(*missing));
  }
}

// Read-modify-write of one block. The entry is compared when the new block is applied: if it
// changed meanwhile, the old content was read for nothing and is read again.
Result<void> Volume::write_partial(uint64_t block, uint64_t offset_in_block, Bytes data) {
  alignas(64) uint8_t image[kBlockBytes];
  for (;;) {
    const auto entry_now = [&](MapEntry* entry) {
      return ExtentMap::lookup(pool_.pages(), head_->root, head_->height, block, 1,
                               [&](uint64_t, uint64_t, const MapEntry& at) {
                                 *entry = at;
                                 return true;
                               });
    };
    MapEntry before;
    std::optional<Missing> missing;
    {
      std::lock_guard map(head_->map_lock);
      missing = entry_now(&before);
    }
    if (missing) {
      TRY(pool_.load(*missing));
      continue;
    }
    ReadRequest old;
    old.offset = block * kBlockBytes;
    old.into = image;
    read(std::span(&old, 1), Wait::kAllowed);
    if (old.outcome == ReadRequest::Outcome::kFailed) return std::move(old.error);
    for (const ByteRange& zeros : old.zeros)
      std::memset(image + zeros.offset, 0, zeros.bytes);
    std::memcpy(image + offset_in_block, data.data(), data.size());

    Handed handed(pool_.space(), TRY(pool_.allocate(1)));
    const PoolBlock target = handed.runs()[0].first;
    auto admission =
        TRY(pool_.admit(write_record_bytes(1), head_->height + 1u, Space::Purpose::kData));
    TRY(write_bytes(pool_.device(), target * kBlockBytes, image));
    pool_.note_written(kBlockBytes);
    struct {
      WriteRecord record;
      uint32_t crc[2] = {0, 0};
    } bytes;
    static_assert(sizeof bytes == sizeof(WriteRecord) + 8);
    bytes.record.header = {RecordType::kWrite, 0, 0, sizeof bytes};
    bytes.record.lineage = head_->lineage;
    bytes.record.first = block;
    bytes.record.physical = target;
    bytes.record.count = 1;
    bytes.crc[0] = crc32c(image);
    {
      std::lock_guard map(head_->map_lock);
      if (head_->deleted) {
        return error(Code::kVolumeNotFound, "volume " + to_string(head_->volume) + " was deleted");
      }
      std::vector<PagePtr> held;
      missing =
          ExtentMap::require(pool_.pages(), head_->root, head_->height, block, 1, nullptr, &held);
      MapEntry now;
      if (!missing) missing = entry_now(&now);
      if (!missing && now == before) {
        bytes.record.birth = head_->epoch;
        bytes.record.owner = head_->epoch;
        uint64_t generation = 0;
        {
          std::lock_guard append(pool_.journal().append_lock());
          generation =
              pool_.journal().append(Bytes(reinterpret_cast<const uint8_t*>(&bytes), sizeof bytes));
        }
        pool_.state().apply_write(*head_, bytes.record, bytes.crc, generation);
        handed.mapped();
        return {};
      }
    }
    if (missing) TRY(pool_.load(*missing));
  }
}

// ---- erase --------------------------------------------------------------------------------------

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
        const uint64_t generation =
            pool_.journal().append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
        pool_.state().apply_erase(*head_, record, generation);
        return {};
      }
    }
    TRY(pool_.load(*missing));
  }
}

// ---- the rest -----------------------------------------------------------------------------------

Result<void> Volume::flush() {
  return pool_.sync();
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
