#include "volume/hydrator.h"

#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"

namespace ashlar {

std::vector<HeadPtr> Hydrator::heads() {
  std::lock_guard append(pool_.journal().append_lock());
  std::vector<HeadPtr> mine;
  for (const auto& [lineage, head] : pool_.state().heads) {
    if (head->origin == slot_ + 1) mine.push_back(head);
  }
  return mine;
}

Result<ChunkBytes> Hydrator::fetch(uint64_t chunk, std::chrono::milliseconds stall) {
  std::unique_lock lock(mutex_);
  auto& place = wanted_[chunk];
  if (!place) {
    place = std::make_shared<Wanted>();
    changed_.notify_all();
  }
  const std::shared_ptr<Wanted> wanted = place;
  wanted->waiters++;
  const bool answered =
      changed_.wait_for(lock, stall, [&] { return wanted->bytes || wanted->error.has_value(); });
  wanted->waiters--;
  if (wanted->waiters == 0) {
    const auto at = wanted_.find(chunk);
    // Nobody waits any more; the background sweep will bring it.
    if (at != wanted_.end() && at->second == wanted) wanted_.erase(at);
  }
  if (!answered) {
    return error(Code::kRemoteUnavailable, "chunk " + std::to_string(chunk) +
                                               " of the origin did not come within " +
                                               std::to_string(stall.count()) + " ms");
  }
  if (wanted->error) return *wanted->error;
  return wanted->bytes;
}

std::optional<std::vector<uint64_t>> Hydrator::next_wanted(Lane lane, size_t max) {
  if (lane == Lane::kBackground) {
    {
      std::lock_guard lock(mutex_);
      if (closed_[size_t(lane)]) return std::nullopt;
    }
    auto chunks = sweep(max);
    if (!chunks || chunks->empty()) return std::nullopt;
    return *std::move(chunks);
  }
  std::unique_lock lock(mutex_);
  std::vector<uint64_t> chunks;
  changed_.wait(lock, [&] {
    if (closed_[size_t(lane)]) return true;
    for (const auto& [chunk, wanted] : wanted_) {
      if (wanted->asked || chunks.size() == max) continue;
      wanted->asked = true;
      chunks.push_back(chunk);
    }
    return !chunks.empty();
  });
  if (chunks.empty()) return std::nullopt;
  return chunks;
}

// The next chunks in which some head has remote blocks. At the end of the origin with nothing asked
// and nothing left, the origin is hydrated.
Result<std::vector<uint64_t>> Hydrator::sweep(size_t max) {
  std::vector<uint64_t> found;
  uint64_t from = 0;
  {
    std::lock_guard lock(mutex_);
    from = sweep_chunk_;
  }
  const std::vector<HeadPtr> mine = heads();
  uint64_t next = chunks();  // where the sweep goes on
  for (const HeadPtr& head : mine) {
    std::vector<uint64_t> remote;
    for (;;) {
      remote.clear();
      std::optional<Missing> missing;
      {
        std::lock_guard lock(head->map_lock);
        const uint64_t first = from * kBlocksPerChunk;
        const uint64_t end = std::min(origin_bytes_ / kBlockBytes, head->blocks());
        if (first >= end) break;
        missing = ExtentMap::lookup(
            pool_.pages(), head->root, head->height, first, end - first,
            [&](uint64_t at, uint64_t count, const MapEntry& entry) {
              if (entry.state() != State::kRemote) return true;
              for (uint64_t chunk = at / kBlocksPerChunk;
                   chunk * kBlocksPerChunk < at + count && remote.size() < max; chunk++) {
                if (remote.empty() || remote.back() != chunk) remote.push_back(chunk);
              }
              return remote.size() < max;
            });
      }
      if (!missing) break;
      TRY(pool_.load(*missing));
    }
    if (remote.size() == max) next = std::min(next, remote.back() + 1);
    found.insert(found.end(), remote.begin(), remote.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::erase_if(found, [&](uint64_t chunk) { return chunk >= next; });
  std::unique_lock lock(mutex_);
  sweep_chunk_ = next;
  std::erase_if(found, [&](uint64_t chunk) { return in_flight_.contains(chunk); });
  in_flight_.insert(found.begin(), found.end());
  if (!found.empty()) return found;
  if (next < chunks()) {
    lock.unlock();
    return sweep(max);
  }
  // Everything was asked: wait for what is under way, then look once more from the start.
  changed_.wait(lock, [&] { return in_flight_.empty() || closed_[size_t(Lane::kBackground)]; });
  if (closed_[size_t(Lane::kBackground)]) return found;
  const bool whole_turn = from == 0;
  sweep_chunk_ = 0;
  lock.unlock();
  if (!whole_turn) return sweep(max);
  TRY(finish(mine));
  return found;
}

// What the origin never covered reads as hole; saying so lets the heads forget the origin. Only the
// heads that a whole turn of the sweep found without remote blocks: others may have come since.
Result<void> Hydrator::finish(const std::vector<HeadPtr>& swept) {
  for (const HeadPtr& head : swept) {
    const uint64_t end = entry_blocks(head->height);
    const uint64_t first = origin_bytes_ / kBlockBytes;
    if (first < end) TRY(fill(*head, first, end - first, {}));
    std::lock_guard map(head->map_lock);
    std::lock_guard append(pool_.journal().append_lock());
    head->origin = 0;
    for (size_t slot = 0; slot < pool_.state().volumes.rows().size(); slot++) {
      const VolumeRow& row = pool_.state().volumes[slot];
      if (row.used && row.lineage == head->lineage) pool_.state().volumes.edit(slot).origin = 0;
    }
  }
  {
    std::lock_guard lock(mutex_);
    hydrated_ = true;
  }
  return {};
}

// Installs blocks (or zeros, when `bytes` is empty) where the head is still remote.
Result<void> Hydrator::fill(Head& head, uint64_t first_block, uint64_t count, Bytes bytes) {
  const bool zeros = bytes.empty();
  std::vector<PoolRun> runs{{0, count}};
  std::vector<uint32_t> crcs(zeros ? 0 : count);
  if (!zeros) {
    crc32c_blocks(bytes.data(), count, crcs.data());
    runs = TRY(pool_.allocate(count));
  }
  uint64_t done = 0;
  for (const PoolRun& run : runs) {
    if (!zeros) {
      const auto written = write_bytes(pool_.device(), run.first * kBlockBytes,
                                       bytes.subspan(done * kBlockBytes, run.count * kBlockBytes));
      if (!written) return written.error();
      pool_.note_written(run.count * kBlockBytes);
    }
    const uint64_t at = first_block + done;
    std::vector<uint8_t> record_bytes(sizeof(WriteRecord) +
                                      (zeros ? 0 : (run.count * 4 + 7) / 8 * 8));
    auto admission = TRY(
        pool_.admit(record_bytes.size(),
                    zeros ? 3 * head.height : ExtentMap::pages_needed(head.height, at, run.count),
                    zeros ? Space::Purpose::kMetadata : Space::Purpose::kData));
    for (;;) {
      std::optional<Missing> missing;
      {
        std::lock_guard map(head.map_lock);
        std::vector<PagePtr> held;
        missing = ExtentMap::require(pool_.pages(), head.root, head.height, at, run.count, nullptr,
                                     &held);
        if (!missing) {
          bool remote = false;
          Epoch birth = 0;
          (void)ExtentMap::lookup(pool_.pages(), head.root, head.height, at, run.count,
                                  [&](uint64_t, uint64_t, const MapEntry& entry) {
                                    if (entry.state() != State::kRemote) return true;
                                    remote = true;
                                    birth = entry.birth();
                                    return false;
                                  });
          if (head.deleted || !remote) {
            if (!zeros) pool_.space().give_back(run);
            break;
          }
          WriteRecord record;
          record.header = {RecordType::kFill, zeros ? kFillZeros : uint8_t(0), 0,
                           uint32_t(record_bytes.size())};
          record.lineage = head.lineage;
          record.first = at;
          record.physical = zeros ? 0 : run.first;
          record.count = run.count;
          record.birth = birth;
          record.owner = head.epoch;
          std::memcpy(record_bytes.data(), &record, sizeof record);
          if (!zeros) std::memcpy(record_bytes.data() + sizeof record, &crcs[done], run.count * 4);
          uint64_t generation = 0;
          {
            std::lock_guard append(pool_.journal().append_lock());
            generation = pool_.journal().append(record_bytes);
          }
          const uint32_t* mine = zeros ? nullptr : &crcs[done];
          for (const PoolRun& unused : pool_.state().apply_fill(head, record, mine, generation)) {
            pool_.space().give_back(unused);
          }
          break;
        }
      }
      TRY(pool_.load(*missing));
    }
    done += run.count;
  }
  return {};
}

Result<void> Hydrator::install(uint64_t chunk, Bytes bytes) {
  const uint64_t first = chunk * kBlocksPerChunk;
  const uint64_t origin_blocks = origin_bytes_ / kBlockBytes;
  if (first >= origin_blocks || bytes.size() != kChunkBytes) {
    return error(Code::kProtocol, "chunk " + std::to_string(chunk) + " is none of this origin");
  }
  for (const HeadPtr& head : heads()) {
    const uint64_t end = std::min({first + kBlocksPerChunk, origin_blocks, head->blocks()});
    if (first < end) TRY(fill(*head, first, end - first, bytes.first((end - first) * kBlockBytes)));
  }
  std::lock_guard lock(mutex_);
  in_flight_.erase(chunk);
  const auto at = wanted_.find(chunk);
  if (at != wanted_.end()) {
    at->second->bytes = std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end());
  }
  changed_.notify_all();
  return {};
}

Result<void> Hydrator::install_zeros(uint64_t first_chunk, uint64_t count) {
  const uint64_t first = first_chunk * kBlocksPerChunk;
  const uint64_t origin_blocks = origin_bytes_ / kBlockBytes;
  for (const HeadPtr& head : heads()) {
    const uint64_t end = std::min({first + count * kBlocksPerChunk, origin_blocks, head->blocks()});
    if (first < end) TRY(fill(*head, first, end - first, {}));
  }
  std::lock_guard lock(mutex_);
  in_flight_.erase(in_flight_.lower_bound(first_chunk),
                   in_flight_.lower_bound(first_chunk + count));
  for (auto at = wanted_.lower_bound(first_chunk);
       at != wanted_.end() && at->first < first_chunk + count; ++at) {
    at->second->bytes = std::make_shared<const std::vector<uint8_t>>(kChunkBytes);
  }
  changed_.notify_all();
  return {};
}

void Hydrator::fail(uint64_t chunk, Error reason) {
  std::lock_guard lock(mutex_);
  in_flight_.erase(chunk);
  const auto at = wanted_.find(chunk);
  if (at != wanted_.end()) at->second->error = std::move(reason);
  changed_.notify_all();
}

void Hydrator::reopen(Lane lane) {
  std::lock_guard lock(mutex_);
  closed_[size_t(lane)] = false;
  if (lane == Lane::kBackground) {
    in_flight_.clear();
    sweep_chunk_ = 0;
    hydrated_ = false;
  } else {
    for (auto& [chunk, wanted] : wanted_)
      wanted->asked = wanted->bytes || wanted->error;
  }
  changed_.notify_all();
}

void Hydrator::close(Lane lane) {
  std::lock_guard lock(mutex_);
  closed_[size_t(lane)] = true;
  changed_.notify_all();
}

bool Hydrator::hydrated() const {
  std::lock_guard lock(mutex_);
  return hydrated_;
}

uint64_t Hydrator::done_bytes() const {
  std::lock_guard lock(mutex_);
  return hydrated_ ? origin_bytes_ : std::min(origin_bytes_, sweep_chunk_ * kChunkBytes);
}

}  // namespace ashlar
