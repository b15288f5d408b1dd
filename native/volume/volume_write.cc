// The way of a write: blocks are handed out and written, then record and map change together.
#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"
#include "volume/volume.h"

namespace ashlar {
namespace {

constexpr uint64_t kPieceBlocksMax = 8192;  // 32 MiB: a record stays in one batch

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
  // An acknowledged write survives the death of the process (I1).
  if (auto handed = pool_.journal().hand_over(); !handed) {
    for (WriteRequest& request : batch) {
      if (request.failed) continue;
      request.failed = true;
      request.error = handed.error();
    }
  }
}

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

}  // namespace ashlar
