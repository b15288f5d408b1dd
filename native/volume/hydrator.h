// Hydrator: what is still remote, who waits for it, and how it becomes local. One per origin of a
// pool. Readers ask for chunks and wait (single-flight: one request however many wait), with a
// thread or without; a background sweep asks for the rest in order. What arrives is handed in
// verified; it is installed in every head of the origin where the range is still remote, then those
// who wait are told: readers of heads look at their map again, those of cuts get the bytes.
//
// Thread: any. mutex_ guards the requests; no I/O and no map lock under it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "commit/pool.h"
#include "volume/chunk_wait.h"
#include "volume/demand.h"
#include "volume/hydration_target.h"

namespace ashlar {

class Hydrator final : public HydrationTarget, public std::enable_shared_from_this<Hydrator> {
 public:
  // `guest_requests` counts what guests of the pool ask for; `demand` hears when somebody waits and
  // the demand lane is closed.
  Hydrator(Pool& pool, uint32_t slot, const Id& snapshot, uint64_t origin_bytes,
           std::shared_ptr<const std::atomic<uint64_t>> guest_requests,
           std::shared_ptr<Demand> demand)
      : pool_(pool),
        slot_(slot),
        snapshot_(snapshot),
        origin_bytes_(origin_bytes),
        guest_requests_(std::move(guest_requests)),
        demand_(std::move(demand)),
        guest_requests_seen_(guest_requests_->load()) {}

  // For a cut: sleeps until the chunk is here. kRemoteUnavailable after `stall`; hydration keeps
  // trying.
  Result<ChunkBytes> fetch(uint64_t chunk, std::chrono::milliseconds stall);
  // For a head: asks for all of them at once; `ready` is called when the wait is over. What was in
  // the map before the wait began is not told: look there again.
  std::unique_ptr<ChunkWait> ask(std::vector<uint64_t> chunks, Ready ready) {
    return ask(std::move(chunks), ChunkWait::Of::kHead, std::move(ready));
  }
  // Readers of heads look again: their volume may be gone, or need nothing more.
  void wake_readers();

  // HydrationTarget (the receiver's side).
  std::optional<std::vector<uint64_t>> next_wanted(const Turn& turn, size_t max) override;
  Result<void> install(Lane lane, uint64_t first_chunk, Bytes bytes) override;
  Result<void> install_zeros(uint64_t first_chunk, uint64_t count) override;
  void fail(uint64_t chunk, Error reason) override;
  Turn reopen(Lane lane) override;
  void close(const Turn& turn) override;

  bool hydrated() const;
  const Id& snapshot() const { return snapshot_; }
  uint64_t origin_bytes() const { return origin_bytes_; }
  // Of the head that has least; what the guest wrote itself counts from the next turn on.
  uint64_t done_bytes();
  // Of one head.
  uint64_t done_bytes(const Head& head) const;

 private:
  friend ChunkWait;
  struct Wanted {
    bool asked = false;
    std::vector<ChunkWait*> waits;  // not empty
  };

  std::unique_ptr<ChunkWait> ask(std::vector<uint64_t> chunks, ChunkWait::Of of, Ready ready);
  void forget(const ChunkWait& wait);
  // Requires mutex_. They are installed; no bytes: zeros.
  void came(uint64_t first_chunk, uint64_t count, Bytes bytes);
  // Requires mutex_. For a chunk that has not come.
  bool somebody_waits() const { return !wanted_.empty(); }
  // Requires mutex_. Says that a receiver is needed, where readers wait and none is there.
  void call_for_receiver();
  // Requires mutex_.
  bool ended(const Turn& turn) const { return turn.number != open_[size_t(turn.lane)]; }
  // None once the origin is gone, though another may have its slot by then: a receiver of the old
  // one may still be at work.
  std::vector<HeadPtr> heads();
  uint64_t chunks() const { return (origin_bytes_ + kChunkBytes - 1) / kChunkBytes; }
  Result<std::vector<uint64_t>> remote_chunks(Head& head, uint64_t from, size_t max);
  Result<void> count_local(Head& head);
  void give_way();
  Result<std::vector<uint64_t>> sweep(const Turn& turn, size_t max);
  Result<void> finish(const std::vector<HeadPtr>& swept);
  Result<void> fill(Lane lane, Head& head, uint64_t first_block, uint64_t count, Bytes bytes);
  Result<void> fill_run(Lane lane, Head& head, uint64_t at, const PoolRun& run, Bytes bytes);
  Result<void> fill_zeros(Head& head, uint64_t first_block, uint64_t count);
  // Requires the map lock. The generation it was given.
  uint64_t append(Bytes record);

  Pool& pool_;
  const uint32_t slot_;
  const Id snapshot_;
  const uint64_t origin_bytes_;
  const std::shared_ptr<const std::atomic<uint64_t>> guest_requests_;
  const std::shared_ptr<Demand> demand_;
  std::atomic<uint64_t> guest_requests_seen_;  // those before it began cost it nothing
  std::atomic<uint64_t> rested_ns_{0};         // when the background last went back to work

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Wanted> wanted_;  // demand, by chunk
  std::set<uint64_t> in_flight_;       // background
  uint64_t sweep_chunk_ = 0;
  bool hydrated_ = false;
  uint64_t open_[2] = {0, 0};  // the turn of each lane; 0 = closed
  uint64_t turns_ = 0;
};

}  // namespace ashlar
