// Pool: an open pool. It binds device, journal, space, pages and records; commits, checkpoints,
// recovers, and frees in the background. Volumes stand on it.
//
// Threads: any, but for what says otherwise. Its own: the ticker (seals every 100 ms, syncs every
// second or 256 MiB) and the keeper (checkpoints, growing ahead, freeing dead trees). Locks, in
// order: map locks of heads (by lineage), the journal's append lock, leaf locks.
#pragma once

#include <condition_variable>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "commit/grace.h"
#include "commit/pool_state.h"
#include "journal/journal.h"
#include "journal/replay.h"

namespace ashlar {

struct PoolOptions {
  // At create, and grow_capacity() later; 0 = what the file system or device has free.
  uint64_t capacity_bytes = 0;
  uint64_t growth_bytes = 0;  // at create: what the file grows by; 0 = an eighth, at most 1 GiB
  uint64_t page_cache_bytes = 256ull << 20;
  // Hard: whoever would make more waits for a checkpoint, which is due at a quarter of it.
  uint64_t dirty_page_bytes_max = 256ull << 20;
  bool background = true;             // tests drive the clockwork themselves
  std::array<uint8_t, 16> pool_id{};  // at create; zero = random
};

struct PoolReport {
  std::vector<std::string> problems;
  uint64_t used_blocks = 0;
  uint64_t leaked_blocks = 0;
  uint64_t data_blocks = 0;  // held against their checksums
};

enum class CheckDepth : uint8_t { kMaps, kData };

class Pool {
 public:
  // `created`: the device becomes a pool first, whatever is on it (create.h has what decides that).
  // Recovers when it was not closed in order.
  // Errors: kForeignFile, kNewerFormat, kCorrupt, kNoSpace, kDeviceFailed, in one clear sentence.
  static Result<std::unique_ptr<Pool>> open(std::unique_ptr<Device> device, bool created,
                                            const std::string& name, const PoolOptions& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A last checkpoint, marked clean; no other call may be under way or follow.
  Result<void> close();

  // ---- before a change: no lock held; may wait for growth or a checkpoint ----
  // Journal room and pages, given back when it goes out of scope.
  class Admission {
   public:
    Admission(Pool& pool, uint64_t record_bytes, uint64_t pages)
        : pool_(&pool), record_bytes_(record_bytes), pages_(pages) {}
    Admission(Admission&& other) noexcept { *this = std::move(other); }
    Admission& operator=(Admission&& other) noexcept {
      std::swap(pool_, other.pool_);
      std::swap(record_bytes_, other.record_bytes_);
      std::swap(pages_, other.pages_);
      return *this;
    }
    ~Admission() {
      if (!pool_) return;
      if (record_bytes_ > 0) pool_->journal_->unreserve(record_bytes_);
      if (pages_ > 0) pool_->space_->unpromise(pages_);
    }

   private:
    Pool* pool_ = nullptr;
    uint64_t record_bytes_ = 0;
    uint64_t pages_ = 0;
  };
  // What is said of everything that would change a pool whose journal has failed (I6).
  Error read_only() const;
  Result<Admission> admit(uint64_t record_bytes, uint64_t pages, Space::Purpose purpose);
  // Blocks for data. kNoSpace only after a checkpoint gave nothing.
  Result<std::vector<PoolRun>> allocate(uint64_t blocks);

  // ---- parts ----
  Device& device() { return *device_; }
  Journal& journal() { return *journal_; }
  PageCache& pages() { return *pages_; }
  Space& space() { return *space_; }
  Grace& grace() { return grace_; }
  PoolState& state() { return *state_; }
  const std::string& name() const { return name_; }

  // No lock held. A page that does not verify may have been moved by a checkpoint since the entry
  // was read: look up once more before believing kCorrupt.
  Result<void> load(const Missing& missing);
  // From now on, and durable when it returns: the pool may become so large, at most as large as its
  // device; 0 = all of a block device, and of a file what it may have already. A kill on the way
  // leaves the old capacity or the new. Beside any other call.
  // Errors: kFailedPrecondition when the pool has more already or the device has less,
  // kInvalidArgument above the largest pool, kPoolReadOnly.
  Result<void> grow_capacity(uint64_t bytes);
  // Data was written that a later sync has to cover.
  void note_written(uint64_t bytes) { unsynced_bytes_ += bytes; }
  Result<void> sync() { return journal_->sync(); }
  Result<void> checkpoint();
  // Something died, was asked to drop, or was unpinned.
  void wake_keeper();
  // One step of freeing; false when nothing can be done before the next checkpoint. Never waits for
  // room. A tree with a page that cannot be read is put aside: problems() says so.
  bool free_step();
  // Sealed cuts that no clone names are caches: lets the oldest go, which leaves a bookmark. False
  // when there is none, or no room to say so before the next checkpoint.
  bool drop_cache();
  // What stands in the way of freeing since the pool was opened, a line each.
  std::vector<std::string> problems() const;

  // Readers of a cut keep its blocks: a drop of it does not begin while it is pinned.
  void pin_cut(const Id& snapshot);
  void unpin_cut(const Id& snapshot);

  uint64_t checkpoint_generation() const { return durable_generation_.load(); }
  // What the device had when it was opened; recovery has made a newer one since.
  uint64_t opened_generation() const { return opened_generation_; }
  const std::array<uint8_t, 16>& pool_id() const { return pool_id_; }
  // What data can still be written, of the blocks that exist and of those that grow() would get.
  uint64_t free_bytes() const;
  // Of those that became durable.
  const Durations& checkpoint_times() const { return checkpoint_times_; }

  // I5: a full walk of all roots against the allocator. No change may be under way. With `repair`,
  // leaked blocks are freed (durable after the next checkpoint); a double use is never repaired.
  // kData: all data that volumes and snapshots hold is read, too.
  Result<PoolReport> check(bool repair, CheckDepth depth = CheckDepth::kMaps);

 private:
  Pool(std::unique_ptr<Device> device, std::string name)
      : device_(std::move(device)), name_(std::move(name)) {}

  Result<void> recover(const PoolOptions& options);
  Result<void> load_tables();
  Result<void> replay(const RingScan& scan);
  Result<void> replay_record(const RecordHeader& header, Bytes bytes, uint64_t generation);
  Result<void> replay_clone(const CloneRecord& record, uint64_t generation);
  Result<void> require(Head& head, uint64_t first, uint64_t count, const Floor* erase_floor,
                       std::vector<PagePtr>* held);
  Result<bool> blocks_hold(const ReplayBatch& batch);
  void hold_named_blocks(const std::vector<ReplayBatch>& batches);
  Result<void> start_threads();

  Result<void> timed_checkpoint();
  Result<void> checkpoint_after(uint64_t seen);
  // `next`: the last superblock, but for what its caller wants otherwise; the checkpoint adds what
  // it makes.
  Result<void> checkpoint_locked(Superblock next);
  void patch_later_pages(const std::unordered_map<PoolBlock, uint32_t>& crcs, uint64_t generation);

  Result<void> wait_for_clean_pages();
  Result<void> reserve_room(uint64_t record_bytes);
  std::optional<Admission> admit_maker(uint64_t record_bytes);
  Result<bool> grow();
  Result<uint64_t> grow_device(uint64_t size);
  Error full() const;
  bool may_grow_for_speed() const;
  Result<void> make_room(const Space::Wanted& wanted, uint64_t seen);
  Result<bool> reclaim(const Space::Wanted& wanted, uint64_t seen);
  bool dead_waits_for_checkpoint();
  bool trees_wait_for_checkpoint();
  bool caches_cost_too_much();
  bool ring_is_short() const;
  bool checkpoint_due() const;
  void keep();
  void keeper_main();
  void ticker_main();
  struct Drop {
    Id snapshot;
    LineageId lineage = 0;
    HeadPtr head;  // null when the lineage has none
  };
  std::optional<Drop> next_drop();
  bool start_drop();
  const CutRow* oldest_cache() const;
  bool has_cache();
  std::optional<DeadTreeRow> next_dead_tree();
  std::optional<Missing> free_leaf_of(uint64_t tree, uint64_t runs_max);
  void put_aside(uint64_t tree, const Error& reason);

  std::unique_ptr<Device> device_;
  const std::string name_;
  Superblock superblock_;              // the last durable one; owned by the checkpoint
  std::array<uint8_t, 16> pool_id_{};  // these two: fixed since it was opened
  uint64_t opened_generation_ = 0;

  std::unique_ptr<Space> space_;
  std::unique_ptr<PageCache> pages_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<PoolState> state_;
  PageTree space_tree_;  // owned by the checkpoint
  Grace grace_;

  std::mutex checkpoint_mutex_;  // one at a time; held across its I/O, taken with no other lock
  std::mutex grow_mutex_;        // one grows, the file or what it may become; before the former
  uint64_t growth_blocks_ = 0;   // guarded by it
  std::mutex room_mutex_;
  std::mutex free_mutex_;  // one freeing step at a time; held while its pages are read
  mutable std::mutex aside_mutex_;
  std::map<uint64_t, std::string> aside_;  // dead trees that cannot be walked, and why
  std::atomic<bool> room_wanted_{false};
  std::atomic<bool> growth_failed_{false};
  std::atomic<uint64_t> unsynced_bytes_{0};
  uint64_t dirty_page_bytes_max_ = 0;  // fixed once opened
  std::atomic<uint64_t> durable_generation_{0};
  Durations checkpoint_times_;

  std::mutex pins_mutex_;
  std::map<Id, uint64_t> cut_pins_;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_wakes_;
  bool keeper_asked_ = false;
  bool stopping_ = false;
  std::thread keeper_;
  std::thread ticker_;
  bool closed_ = false;
};

}  // namespace ashlar
