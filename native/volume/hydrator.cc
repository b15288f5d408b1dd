#include "volume/hydrator.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "codec/crc32c.h"
#include "volume/rest.h"

namespace ashlar {
namespace {

constexpr size_t kEntriesAtOnce = 16'384;  // visited under one hold of a map lock

// Requires the map lock.
WriteRecord fill_record(const Head& head, uint64_t first, uint64_t count, Epoch birth) {
  WriteRecord record;
  record.header = {RecordType::kFill, 0, 0, sizeof record};
  record.lineage = head.lineage;
  record.first = first;
  record.count = count;
  record.birth = birth;
  record.owner = head.epoch;
  return record;
}

// Requires the map lock. How many of these blocks count as they become local.
uint64_t counted_of(const Head& head, uint64_t first, uint64_t count) {
  return std::min(std::max(head.counted_until, first), first + count) - first;
}

}  // namespace

std::vector<HeadPtr> Hydrator::heads() {
  std::lock_guard append(pool_.journal().append_lock());
  std::vector<HeadPtr> mine;
  const OriginRow& origin = std::as_const(pool_.state()).origins[slot_];
  if (!origin.used || origin.snapshot != snapshot_) return mine;
  for (const auto& [lineage, head] : pool_.state().heads) {
    if (head->origin == slot_ + 1) mine.push_back(head);
  }
  return mine;
}

// ---- those who wait -----------------------------------------------------------------------------

ChunkWait::~ChunkWait() {
  hydrator_->forget(*this);
}

std::unique_ptr<ChunkWait> Hydrator::ask(std::vector<uint64_t> chunks, ChunkWait::Of of,
                                         Ready ready) {
  std::unique_ptr<ChunkWait> wait(
      new ChunkWait(shared_from_this(), std::move(chunks), of, std::move(ready)));
  std::lock_guard lock(mutex_);
  bool more = false;
  for (const uint64_t chunk : wait->chunks_) {
    Wanted& wanted = wanted_[chunk];
    more = more || wanted.waits.empty();
    wanted.waits.push_back(wait.get());
  }
  if (more) {
    call_for_receiver();
    changed_.notify_all();
  }
  return wait;
}

// What nobody waits for any more, the background brings.
void Hydrator::forget(const ChunkWait& wait) {
  std::lock_guard lock(mutex_);
  for (const uint64_t chunk : wait.chunks_) {
    const auto at = wanted_.find(chunk);
    if (at == wanted_.end()) continue;
    std::erase(at->second.waits, &wait);
    if (at->second.waits.empty()) wanted_.erase(at);
  }
}

Result<ChunkBytes> Hydrator::fetch(uint64_t chunk, std::chrono::milliseconds stall) {
  const auto wait = ask({chunk}, ChunkWait::Of::kCut, nullptr);
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, stall, [&] { return wait->over(); })) {
    return error(Code::kRemoteUnavailable, "chunk " + std::to_string(chunk) +
                                               " of the origin did not come within " +
                                               std::to_string(stall.count()) + " ms");
  }
  if (wait->failure()) return *wait->failure();
  return wait->bytes_;
}

void Hydrator::came(uint64_t first_chunk, uint64_t count, Bytes bytes) {
  static const std::vector<uint8_t> zeros(kChunkBytes);
  in_flight_.erase(in_flight_.lower_bound(first_chunk),
                   in_flight_.lower_bound(first_chunk + count));
  const auto begin = wanted_.lower_bound(first_chunk);
  const auto end = wanted_.lower_bound(first_chunk + count);
  for (auto at = begin; at != end; ++at) {
    const Bytes chunk = bytes.empty()
                            ? Bytes(zeros)
                            : bytes.subspan((at->first - first_chunk) * kChunkBytes, kChunkBytes);
    for (ChunkWait* wait : at->second.waits)
      wait->came(chunk);
  }
  wanted_.erase(begin, end);
  changed_.notify_all();
}

void Hydrator::wake_readers() {
  std::lock_guard lock(mutex_);
  for (const auto& [chunk, wanted] : wanted_) {
    for (ChunkWait* wait : wanted.waits) {
      if (wait->of_ == ChunkWait::Of::kHead) wait->end();
    }
  }
}

// ---- what is wanted -----------------------------------------------------------------------------

std::optional<std::vector<uint64_t>> Hydrator::next_wanted(const Turn& turn, size_t max) {
  if (turn.lane == Lane::kBackground) {
    auto chunks = sweep(turn, max);
    if (!chunks || chunks->empty()) return std::nullopt;
    return *std::move(chunks);
  }
  std::unique_lock lock(mutex_);
  std::vector<uint64_t> chunks;
  const auto any = [&] {
    if (ended(turn)) return true;
    for (auto& [chunk, wanted] : wanted_) {
      if (chunks.size() == max) break;
      if (!std::exchange(wanted.asked, true)) chunks.push_back(chunk);
    }
    return !chunks.empty();
  };
  if (!turn.rest) {
    changed_.wait(lock, any);
  } else {
    while (!changed_.wait_for(lock, *turn.rest, any)) {
      if (somebody_waits()) continue;
      open_[size_t(turn.lane)] = 0;  // who wants something from here on calls for the next one
      break;
    }
  }
  if (chunks.empty()) return std::nullopt;
  return chunks;
}

void Hydrator::call_for_receiver() {
  if (open_[size_t(Lane::kDemand)] == 0 && somebody_waits()) demand_->add(snapshot_);
}

// The first chunks, from `from` on, in which the head has remote blocks. In steps, so that every
// page is brought in once, however small the cache, and nobody waits long for the map lock; what is
// not remote never becomes so again.
Result<std::vector<uint64_t>> Hydrator::remote_chunks(Head& head, uint64_t from, size_t max) {
  std::vector<uint64_t> remote;
  uint64_t at = from * kBlocksPerChunk;
  for (;;) {
    std::optional<Missing> missing;
    {
      std::lock_guard lock(head.map_lock);
      const uint64_t end = std::min(origin_bytes_ / kBlockBytes, head.blocks());
      if (at >= end || remote.size() == max) return remote;
      size_t visited = 0;
      missing =
          ExtentMap::lookup(pool_.pages(), head.root, head.height, at, end - at,
                            [&](uint64_t first, uint64_t count, const MapEntry& entry) {
                              at = first + count;
                              if (entry.state() != State::kRemote)
                                return ++visited < kEntriesAtOnce;
                              for (uint64_t chunk = first / kBlocksPerChunk;
                                   chunk * kBlocksPerChunk < at && remote.size() < max; chunk++) {
                                if (remote.empty() || remote.back() != chunk)
                                  remote.push_back(chunk);
                              }
                              return remote.size() < max;
                            });
    }
    if (missing) TRY(pool_.load(*missing));
  }
}

// What is local already; what becomes so from then on is counted as it does.
Result<void> Hydrator::count_local(Head& head) {
  for (;;) {
    std::optional<Missing> missing;
    {
      std::lock_guard lock(head.map_lock);
      uint64_t& at = head.counted_until;
      const uint64_t end = std::min(origin_bytes_ / kBlockBytes, head.blocks());
      if (at >= end) return {};
      size_t visited = 0;
      missing = ExtentMap::lookup(pool_.pages(), head.root, head.height, at, end - at,
                                  [&](uint64_t first, uint64_t count, const MapEntry& entry) {
                                    at = first + count;
                                    if (entry.state() != State::kRemote) head.local_blocks += count;
                                    return ++visited < kEntriesAtOnce;
                                  });
    }
    if (missing) TRY(pool_.load(*missing));
  }
}

// The next chunks in which some head has remote blocks. At the end of the origin with nothing asked
// and nothing left, the origin is hydrated. Empty when the turn has ended.
Result<std::vector<uint64_t>> Hydrator::sweep(const Turn& turn, size_t max) {
  std::vector<uint64_t> found;
  uint64_t from = 0;
  {
    std::lock_guard lock(mutex_);
    if (ended(turn)) return found;
    from = sweep_chunk_;
  }
  const std::vector<HeadPtr> mine = heads();
  uint64_t next = chunks();  // where the sweep goes on
  for (const HeadPtr& head : mine) {
    TRY(count_local(*head));
    const std::vector<uint64_t> remote = TRY(remote_chunks(*head, from, max));
    if (remote.size() == max) next = std::min(next, remote.back() + 1);
    found.insert(found.end(), remote.begin(), remote.end());
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  std::erase_if(found, [&](uint64_t chunk) { return chunk >= next; });
  std::unique_lock lock(mutex_);
  if (ended(turn)) return std::vector<uint64_t>();
  sweep_chunk_ = next;
  std::erase_if(found, [&](uint64_t chunk) { return in_flight_.contains(chunk); });
  in_flight_.insert(found.begin(), found.end());
  if (!found.empty()) return found;
  if (next < chunks()) {
    lock.unlock();
    return sweep(turn, max);
  }
  // Everything was asked: wait for what is under way, then look once more from the start.
  changed_.wait(lock, [&] { return in_flight_.empty() || ended(turn); });
  if (ended(turn)) return found;
  const bool whole_turn = from == 0;
  sweep_chunk_ = 0;
  lock.unlock();
  if (!whole_turn) return sweep(turn, max);
  TRY(finish(mine));
  return found;
}

// What the origin never covered reads as hole; saying so lets the heads forget the origin. Only the
// heads that a whole turn of the sweep found without remote blocks: others may have come since.
Result<void> Hydrator::finish(const std::vector<HeadPtr>& swept) {
  for (const HeadPtr& head : swept) {
    const uint64_t end = entry_blocks(head->height);
    const uint64_t first = origin_bytes_ / kBlockBytes;
    if (first < end) TRY(fill_zeros(*head, first, end - first));
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
  wake_readers();  // with the last of it the lanes have ended that would have brought more
  return {};
}

// Installs blocks where the head is still remote.
Result<void> Hydrator::fill(Lane lane, Head& head, uint64_t first_block, uint64_t count,
                            Bytes bytes) {
  const std::vector<PoolRun> runs = TRY(pool_.allocate(count));
  uint64_t done = 0;
  Result<void> filled;
  for (const PoolRun& run : runs) {
    const Bytes part = bytes.subspan(done * kBlockBytes, run.count * kBlockBytes);
    if (filled) filled = fill_run(lane, head, first_block + done, run, part);
    if (!filled) pool_.space().give_back(run);
    done += run.count;
  }
  return filled;
}

// After a failure the run is unused.
Result<void> Hydrator::fill_run(Lane lane, Head& head, uint64_t at, const PoolRun& run,
                                Bytes bytes) {
  std::vector<uint32_t> crcs(run.count);
  crc32c_blocks(bytes.data(), run.count, crcs.data());
  // What the background brings is not wanted soon, and there may be more of it than memory.
  const auto write = lane == Lane::kBackground ? write_bytes_uncached : write_bytes;
  TRY(write(pool_.device(), run.first * kBlockBytes, bytes));
  pool_.note_written(run.count * kBlockBytes);
  std::vector<uint8_t> record_bytes(sizeof(WriteRecord) + (run.count * 4 + 7) / 8 * 8);
  auto admission =
      TRY(pool_.admit(record_bytes.size(), ExtentMap::pages_needed(head.height, at, run.count),
                      Space::Purpose::kData));
  for (;;) {
    std::optional<Missing> missing;
    {
      std::lock_guard map(head.map_lock);
      std::vector<PagePtr> held;
      missing =
          ExtentMap::require(pool_.pages(), head.root, head.height, at, run.count, nullptr, &held);
      if (!missing) {
        bool remote = false;
        Epoch birth = 0;
        uint64_t counted = 0;
        (void)ExtentMap::lookup(pool_.pages(), head.root, head.height, at, run.count,
                                [&](uint64_t first, uint64_t count, const MapEntry& entry) {
                                  if (entry.state() != State::kRemote) return true;
                                  remote = true;
                                  birth = std::max(birth, entry.birth());
                                  counted += counted_of(head, first, count);
                                  return true;
                                });
        if (head.deleted || !remote) {
          pool_.space().give_back(run);
          return {};
        }
        WriteRecord record = fill_record(head, at, run.count, birth);
        record.header.length = uint32_t(record_bytes.size());
        record.physical = run.first;
        std::memcpy(record_bytes.data(), &record, sizeof record);
        std::memcpy(record_bytes.data() + sizeof record, crcs.data(), run.count * 4);
        const uint64_t generation = append(record_bytes);
        head.local_blocks += counted;
        pool_.state().apply_fill(head, record, crcs.data(), generation);
        return {};
      }
    }
    TRY(pool_.load(*missing));
  }
}

// Zeros where the head is still remote: one record for each run of remote blocks. Nothing mapped
// lies inside a run, so it changes the pages on the ways down to its two ends and no others.
Result<void> Hydrator::fill_zeros(Head& head, uint64_t first_block, uint64_t count) {
  const uint64_t end = first_block + count;
  for (uint64_t at = first_block; at < end;) {
    auto admission =
        TRY(pool_.admit(sizeof(WriteRecord), 2u * head.height, Space::Purpose::kMetadata));
    std::optional<Missing> missing;
    {
      std::lock_guard map(head.map_lock);
      if (head.deleted) return {};
      uint64_t blocks = 0;  // of the run, which begins at `at`
      Epoch birth = 0;
      size_t visited = 0;
      missing = ExtentMap::lookup(pool_.pages(), head.root, head.height, at, end - at,
                                  [&](uint64_t first, uint64_t run, const MapEntry& entry) {
                                    const bool remote = entry.state() == State::kRemote;
                                    if (blocks > 0 && !(remote && entry.birth() == birth))
                                      return false;
                                    if (remote) {
                                      birth = entry.birth();
                                      blocks += run;
                                    } else {
                                      at = first + run;
                                    }
                                    return ++visited < kEntriesAtOnce;
                                  });
      std::vector<PagePtr> held;
      if (blocks > 0) {
        missing =
            ExtentMap::require(pool_.pages(), head.root, head.height, at, blocks, nullptr, &held);
      }
      if (blocks > 0 && !missing) {
        WriteRecord record = fill_record(head, at, blocks, birth);
        record.header.flags = kFillZeros;
        const uint64_t generation =
            append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
        pool_.state().apply_fill(head, record, nullptr, generation);
        head.local_blocks += counted_of(head, at, blocks);
        at += blocks;
      }
    }
    if (missing) TRY(pool_.load(*missing));
  }
  return {};
}

uint64_t Hydrator::append(Bytes record) {
  std::lock_guard append(pool_.journal().append_lock());
  return pool_.journal().append(record);
}

Result<void> Hydrator::install(Lane lane, uint64_t first_chunk, Bytes bytes) {
  const uint64_t first = first_chunk * kBlocksPerChunk;
  const uint64_t count = bytes.size() / kChunkBytes;
  const uint64_t origin_blocks = origin_bytes_ / kBlockBytes;
  if (count == 0 || bytes.size() % kChunkBytes != 0 || first_chunk + count > chunks()) {
    return error(Code::kProtocol,
                 "chunk " + std::to_string(first_chunk) + " is none of this origin");
  }
  for (const HeadPtr& head : heads()) {
    const uint64_t end = std::min({first + count * kBlocksPerChunk, origin_blocks, head->blocks()});
    if (first >= end) continue;
    TRY(fill(lane, *head, first, end - first, bytes.first((end - first) * kBlockBytes)));
  }
  {
    std::lock_guard lock(mutex_);
    came(first_chunk, count, bytes);
  }
  if (lane == Lane::kBackground) give_way();
  return {};
}

void Hydrator::give_way() {
  const uint64_t requests = guest_requests_->load(std::memory_order_relaxed);
  const uint64_t worked_ns = monotonic_ns() - rested_ns_;
  const uint64_t rest = rest_ns(requests - guest_requests_seen_.exchange(requests), worked_ns);
  std::this_thread::sleep_for(std::chrono::nanoseconds(rest));
  rested_ns_ = monotonic_ns();
}

Result<void> Hydrator::install_zeros(uint64_t first_chunk, uint64_t count) {
  const uint64_t first = first_chunk * kBlocksPerChunk;
  const uint64_t origin_blocks = origin_bytes_ / kBlockBytes;
  for (const HeadPtr& head : heads()) {
    const uint64_t end = std::min({first + count * kBlocksPerChunk, origin_blocks, head->blocks()});
    if (first < end) TRY(fill_zeros(*head, first, end - first));
  }
  std::lock_guard lock(mutex_);
  came(first_chunk, count, {});
  return {};
}

void Hydrator::fail(uint64_t chunk, Error reason) {
  std::lock_guard lock(mutex_);
  in_flight_.erase(chunk);
  const auto at = wanted_.find(chunk);
  if (at != wanted_.end()) {
    for (ChunkWait* wait : at->second.waits)
      wait->fail(reason);
    wanted_.erase(at);
  }
  changed_.notify_all();
}

Turn Hydrator::reopen(Lane lane) {
  std::lock_guard lock(mutex_);
  const Turn turn{lane, ++turns_, std::nullopt};
  open_[size_t(lane)] = turn.number;
  if (lane == Lane::kBackground) {
    in_flight_.clear();
    sweep_chunk_ = 0;
    hydrated_ = false;
  } else {
    for (auto& [chunk, wanted] : wanted_)
      wanted.asked = false;
  }
  changed_.notify_all();
  return turn;
}

// Also after the turn has ended: what was asked for in it may not have come.
void Hydrator::close(const Turn& turn) {
  std::lock_guard lock(mutex_);
  if (!ended(turn)) open_[size_t(turn.lane)] = 0;
  if (turn.lane == Lane::kDemand) call_for_receiver();
  changed_.notify_all();
}

bool Hydrator::hydrated() const {
  std::lock_guard lock(mutex_);
  return hydrated_;
}

uint64_t Hydrator::done_bytes(const Head& head) const {
  if (head.origin != slot_ + 1) return origin_bytes_;
  return std::min<uint64_t>(origin_bytes_, head.local_blocks * kBlockBytes);
}

uint64_t Hydrator::done_bytes() {
  uint64_t done = origin_bytes_;
  for (const HeadPtr& head : heads())
    done = std::min(done, done_bytes(*head));
  return done;
}

}  // namespace ashlar
