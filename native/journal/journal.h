// Journal: the order of everything that happened since the last checkpoint. Records are appended in
// memory to the open batch. hand_over() gives what was appended to the kernel (the ring is mapped,
// so that this needs no system call): from then on it survives the death of the process, which is
// what an acknowledged write was promised. A batch of one block stays open in the ring and grows
// there, record by record; it is sealed when it is full, and before every sync, so that nothing
// durable is ever rewritten. A sync hands over, seals and calls one sync of the one file for every
// caller that waits (group commit; the first becomes the leader). Nobody who hands over waits for a
// sync.
//
// The dirty generation belongs to the order: mark() seals, raises it, and names the place where
// replay of the checkpoint begins.
//
// Thread: any. append_lock() guards the open batch, the generation and, by contract, every table
// change that is journaled. handing_mutex_ is the turn of who hands over: batches reach the kernel
// in the order of their sequence. io_mutex_ guards what is known durable. Order: handing_mutex_,
// append lock, io_mutex_. Neither the append lock nor io_mutex_ is held across I/O.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/durations.h"
#include "device/device.h"
#include "format/pool_format.h"

namespace ashlar {

struct RingGeometry {
  uint64_t first = 0;  // pool block
  uint64_t blocks = 0;
};

struct JournalPlace {
  uint64_t position = 0;  // block within the ring
  uint64_t sequence = 0;
  uint64_t linear = 0;  // blocks written since this generation of the journal began
};

class Journal {
 public:
  Journal(Device& device, RingGeometry ring, const std::array<uint8_t, 16>& pool_id,
          uint64_t journal_generation, uint64_t dirty_generation, uint64_t checkpoint_generation);

  // ---- appending ----
  // Sets ring space aside for a record; call before taking any lock. False when it has to wait for
  // a checkpoint first: then wait_for_room().
  bool reserve(uint64_t record_bytes);
  void unreserve(uint64_t record_bytes);
  // Returns when it is worth trying again; fails when the journal has failed.
  Result<void> wait_for_room();

  std::mutex& append_lock() { return append_mutex_; }
  // Requires append_lock held and room reserved, at most record_bytes_max(). Returns the dirty
  // generation. The room goes back when its admission ends: by then the record is counted in the
  // ring, or in the open batch, which reserve() keeps room for.
  uint64_t append(Bytes record);
  // Requires append_lock. For records whose changes are applied under the same hold.
  uint64_t generation() const { return generation_; }
  uint64_t record_bytes_max() const { return batch_records_max_; }

  // ---- durability ----
  // Survives the death of the process: everything appended before the call, and all before it.
  Result<void> hand_over();
  // Durable: everything appended before the call.
  Result<void> sync();
  bool has_unsynced() const { return unsynced_.load(); }
  // Of group commits: handing over and one sync of the file.
  const Durations& commit_times() const { return commit_times_; }

  // ---- checkpoint ----
  struct Mark {
    uint64_t generation = 0;  // what changes until here belong to
    JournalPlace replay_from;
  };
  // Requires append_lock.
  Mark mark();
  // The checkpoint whose mark this was is durable: the ring before it is free.
  void checkpointed(const JournalPlace& replay_from, uint64_t checkpoint_generation);

  uint64_t used_bytes() const;
  uint64_t ring_bytes() const { return ring_.blocks * kBlockBytes; }
  // Sticky: after a failed write or sync nobody knows what the medium holds (I6).
  void fail(Error error);
  bool failed() const { return failed_flag_.load(std::memory_order_relaxed); }
  Error failure() const;

 private:
  // A batch from its first record until all of it is with the kernel.
  struct Batch {
    uint64_t sequence = 0;
    uint64_t linear = 0;  // its place in the ring, once it has one
    uint64_t blocks = 0;
    uint64_t handed = 0;         // bytes that the kernel has or is about to get
    std::vector<uint8_t> bytes;  // header and records
    bool placed() const { return blocks > 0; }
  };

  void place(Batch& batch);
  void seal();
  void take_unhanded();
  Result<void> store(Batch& batch);
  Result<uint64_t> hand_over_all(bool sealing);
  Result<void> wait_durable(uint64_t wanted_sequence);

  Device& device_;
  const RingGeometry ring_;
  const std::array<uint8_t, 16> pool_id_;
  const uint64_t journal_generation_;
  const uint64_t batch_records_max_;

  std::mutex handing_mutex_;
  // guarded by handing_mutex_
  std::vector<Batch> handing_;  // on its way to the kernel
  uint64_t stored_sequence_ = 0;
  uint32_t stored_crc_ = 0;    // of that batch, as it is now
  uint32_t previous_crc_ = 0;  // of the one before it, which does not change any more

  std::mutex append_mutex_;
  // guarded by append_mutex_
  Batch open_;  // empty bytes: none
  std::deque<Batch> sealed_;
  uint64_t next_sequence_ = 1;
  uint64_t next_linear_ = 0;
  uint64_t generation_;

  mutable std::mutex io_mutex_;
  std::condition_variable io_changed_;
  // guarded by io_mutex_
  bool syncing_ = false;
  uint64_t durable_sequence_ = 0;
  uint64_t tail_linear_ = 0;
  uint64_t checkpoint_generation_;
  std::optional<Error> failed_;
  std::atomic<bool> failed_flag_{false};

  Durations commit_times_;
  std::atomic<uint64_t> reserved_bytes_{0};
  std::atomic<uint64_t> head_linear_{0};  // mirrors next_linear_
  std::atomic<uint64_t> tail_mirror_{0};  // mirrors tail_linear_
  std::atomic<bool> unsynced_{false};     // appended since the last sync began
};

}  // namespace ashlar
