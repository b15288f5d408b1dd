// What of a volume is still remote, and waiting for it: with a thread, for those who have one of
// their own, or without.
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/clock.h"
#include "volume/volume.h"

namespace ashlar {
namespace {

constexpr uint32_t kStallMs = 20'000;  // under clients' 30 s

}  // namespace

struct Volume::Remote {
  std::shared_ptr<Hydrator> hydrator;  // of the chunks, where there are any
  std::vector<uint64_t> chunks;
};

// What is past the origin's end is remote in the map and zero.
Result<Volume::Remote> Volume::remote_in(std::span<const ByteRange> ranges) {
  while (head_->origin != 0) {
    Remote remote;
    remote.hydrator = hydrators_.of(*head_);
    std::optional<Missing> missing;
    {
      std::lock_guard lock(head_->map_lock);
      if (head_->deleted) break;  // who looks there is told
      if (!remote.hydrator) continue;
      const uint64_t end = std::min(remote.hydrator->origin_bytes() / kBlockBytes, head_->blocks());
      for (const ByteRange& range : ranges) {
        const uint64_t first = range.offset / kBlockBytes;
        const uint64_t last = std::min((range.end() + kBlockBytes - 1) / kBlockBytes, end);
        if (first >= last || missing) continue;
        missing = ExtentMap::lookup(pool_.pages(), head_->root, head_->height, first, last - first,
                                    [&](uint64_t at, uint64_t blocks, const MapEntry& entry) {
                                      if (entry.state() != State::kRemote) return true;
                                      for (uint64_t chunk = at / kBlocksPerChunk;
                                           chunk * kBlocksPerChunk < at + blocks; chunk++) {
                                        if (remote.chunks.empty() || remote.chunks.back() < chunk)
                                          remote.chunks.push_back(chunk);
                                      }
                                      return true;
                                    });
      }
    }
    if (!missing) return remote;
    TRY(pool_.load(*missing));
  }
  return Remote();
}

Result<std::unique_ptr<ChunkWait>> Volume::ask_for(std::span<const ByteRange> ranges,
                                                   const Ready& ready) {
  std::unique_ptr<ChunkWait> wait;
  for (std::vector<uint64_t> asked;;) {
    Remote remote = TRY(remote_in(ranges));
    if (remote.chunks.empty()) return std::unique_ptr<ChunkWait>();
    // What came between the look and the question is not told: look again behind it.
    if (remote.chunks == asked) return wait;
    asked = remote.chunks;
    wait = remote.hydrator->ask(std::move(remote.chunks), ready);
  }
}

std::chrono::milliseconds Volume::stall() const {
  return std::chrono::milliseconds(head_->stall_ms > 0 ? head_->stall_ms : kStallMs);
}

Result<void> Volume::sleep_until_here(ByteRange range, uint64_t deadline_ns) {
  std::mutex mutex;
  std::condition_variable changed;
  const auto wait = TRY(ask_for(std::span(&range, 1), [&] {
    std::lock_guard lock(mutex);
    changed.notify_all();
  }));
  if (!wait) return {};
  {
    std::unique_lock lock(mutex);
    const uint64_t now_ns = monotonic_ns();
    const std::chrono::nanoseconds left(deadline_ns > now_ns ? deadline_ns - now_ns : 0);
    if (!changed.wait_for(lock, left, [&] { return wait->over(); })) {
      return error(Code::kRemoteUnavailable, "the data at offset " + std::to_string(range.offset) +
                                                 " is in the region and did not come within " +
                                                 std::to_string(stall().count()) + " ms");
    }
  }
  if (wait->failure()) return *wait->failure();
  return {};
}

void Volume::read_when_here(ReadRequest& request) {
  const uint64_t deadline_ns = monotonic_ns() + uint64_t(std::chrono::nanoseconds(stall()).count());
  while (request.outcome == ReadRequest::Outcome::kRemote) {
    const auto here = sleep_until_here({request.offset, request.into.size()}, deadline_ns);
    if (!here) {
      request.outcome = ReadRequest::Outcome::kFailed;
      request.error = here.error();
      return;
    }
    read_one(request, Wait::kForDisk);
  }
}

}  // namespace ashlar
