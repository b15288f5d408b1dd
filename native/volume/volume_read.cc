// The way of a read: what the map says under its lock, then the blocks, then their checksums.
#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"
#include "volume/volume.h"

namespace ashlar {
namespace {

constexpr auto kStall = std::chrono::milliseconds(20'000);  // under clients' 30 s

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

Result<Fetched> fetch_remote(Hydrator& hydrator, Head& head, const ReadPlan& plan,
                             ReadRequest& request) {
  const auto is_local = [&] {
    std::lock_guard lock(head.map_lock);
    return head.origin == 0;
  };
  ChunkBytes chunk;
  uint64_t chunk_index = UINT64_MAX;
  for (const uint64_t logical : plan.remote) {
    if (logical / kBlocksPerChunk != chunk_index) {
      chunk_index = logical / kBlocksPerChunk;
      chunk = TRY(hydrator.fetch(chunk_index, kStall, is_local));
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
      std::optional<Grace::Section> grace(std::in_place, pool_.grace());
      std::optional<Missing> missing;
      bool hydrating = false;
      {
        std::lock_guard lock(head_->map_lock);
        if (head_->deleted) {
          fail(error(Code::kVolumeNotFound, "volume " + to_string(head_->volume) + " was deleted"));
          break;
        }
        missing = plan_read(pool_.pages(), *head_, first, count, plan);
        hydrating = head_->origin != 0;
      }
      std::shared_ptr<Hydrator> hydrator;
      if (!missing && !plan.remote.empty()) {
        if (hydrating) hydrator = hydrators_.of(*head_);
        if (hydrating && !hydrator) {
          again = true;  // the last of it came since the look at the map
          continue;
        }
        const uint64_t end = hydrator ? hydrator->origin_bytes() / kBlockBytes : 0;
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
      // Blocks of the pool are done with. A checkpoint waits for readers, and in a full pool what
      // comes from the region waits for a checkpoint.
      grace.reset();
      if (fetched && *fetched == Fetched::kGood && !plan.remote.empty()) {
        fetched = fetch_remote(*hydrator, *head_, plan, request);
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

}  // namespace ashlar
