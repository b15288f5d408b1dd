// Who makes room. Journal room and pool blocks come from checkpoints and from freeing what is dead;
// the keeper does both, and never waits for either: a checkpoint needs no room in the ring, and a
// freeing step that finds none leaves it to the next checkpoint. Guests wait here for the keeper,
// or make blocks themselves, one of them for all. DESIGN 4, Who makes room.
#include <chrono>

#include "base/thread_name.h"
#include "commit/create.h"

namespace ashlar {

using namespace std::chrono_literals;

namespace {

constexpr uint64_t kWaitingBlocksMax = (1ull << 30) / kBlockBytes;
constexpr uint64_t kGrowthBlocksMin = (1ull << 20) / kBlockBytes;
constexpr uint64_t kUnsyncedBytesMax = 256ull << 20;
constexpr auto kLookInterval = 100ms;
constexpr int kLooksPerSync = 10;  // once a second
constexpr int kStepsPerRound = 256;

}  // namespace

Error Pool::read_only() const {
  return error(Code::kPoolReadOnly, name_ + ": the pool is read-only since a write failed (" +
                                        journal_->failure().message + "); restart the daemon");
}

Result<Pool::Admission> Pool::admit(uint64_t record_bytes, uint64_t pages, Space::Purpose purpose) {
  if (pages > 0) TRY(wait_for_clean_pages());
  for (;;) {
    TRY(reserve_room(record_bytes));
    const uint64_t seen = space_->arrivals();
    if (pages == 0 || space_->promise(pages, purpose)) return Admission(*this, record_bytes, pages);
    journal_->unreserve(record_bytes);
    TRY(make_room({pages, purpose}, seen));
  }
}

// A change makes pages dirty, and only a checkpoint makes them clean. From half of their bound on
// writers slow down smoothly; at the bound they wait.
Result<void> Pool::wait_for_clean_pages() {
  const uint64_t max = dirty_page_bytes_max_;
  for (;;) {
    if (journal_->failed()) return read_only();
    const uint64_t dirty = pages_->dirty_bytes();
    if (dirty > max / 4) wake_keeper();
    if (dirty <= max / 2) return {};
    if (dirty < max) {
      std::this_thread::sleep_for(10ms * (dirty - max / 2) / (max / 2));
      return {};
    }
    if (keeper_.joinable()) {
      (void)journal_->wait_for_room();
    } else {
      TRY(checkpoint());
    }
  }
}

// Journal room; waits for a checkpoint where there is none.
Result<void> Pool::reserve_room(uint64_t record_bytes) {
  for (;;) {
    if (journal_->failed()) return read_only();
    const uint64_t used = journal_->used_bytes();
    const uint64_t ring = journal_->ring_bytes();
    if (ring_is_short()) wake_keeper();
    // From three quarters on writers slow down smoothly, so that the wall is never hit at speed.
    if (used > ring / 4 * 3) {
      std::this_thread::sleep_for(10ms * (used - ring / 4 * 3) / (ring / 4));
    }
    if (journal_->reserve(record_bytes)) return {};
    if (!keeper_.joinable()) {
      TRY(checkpoint());
      continue;
    }
    // A large record may be refused by a ring that is not half full.
    room_wanted_ = true;
    wake_keeper();
    (void)journal_->wait_for_room();  // when it failed that is said above
  }
}

// For those who make room: nothing when it would have to be waited for.
std::optional<Pool::Admission> Pool::admit_maker(uint64_t record_bytes) {
  if (journal_->failed() || ring_is_short()) return std::nullopt;
  if (!journal_->reserve(record_bytes)) return std::nullopt;
  return Admission(*this, record_bytes, 0);
}

bool Pool::may_grow_for_speed() const {
  if (growth_failed_) return false;
  const uint64_t size = space_->size_blocks();
  if (size >= space_->capacity_blocks() || size >= 4 * space_->used_blocks()) return false;
  return device_->growable_bytes() * 5 >= device_->file_system_bytes();
}

Result<std::vector<PoolRun>> Pool::allocate(uint64_t blocks) {
  for (;;) {
    const uint64_t seen = space_->arrivals();
    if (auto runs = space_->allocate(blocks, Space::Purpose::kData, false)) return *std::move(runs);
    if (may_grow_for_speed() && TRY(grow())) continue;
    if (auto runs = space_->allocate(blocks, Space::Purpose::kData, true)) return *std::move(runs);
    TRY(make_room({blocks, Space::Purpose::kData}, seen));
  }
}

// By a step, or by what the file system still has; 0 when that is less than anybody would miss.
Result<uint64_t> Pool::grow_device(uint64_t size) {
  const uint64_t wanted = std::min(growth_blocks_, space_->capacity_blocks() - size);
  for (uint64_t step = wanted; step > 0;) {
    auto grown = device_->grow((size + step) * kBlockBytes);
    if (grown) return step;
    if (grown.error().code != Code::kNoSpace) return std::move(grown).error();
    const uint64_t room = (device_->size_bytes() + device_->growable_bytes()) / kBlockBytes - size;
    if (room < kGrowthBlocksMin) break;
    step = std::min(step / 2, room);
  }
  growth_failed_ = wanted > 0;
  return uint64_t(0);
}

// Adds to the file; false when there is nothing to be had.
Result<bool> Pool::grow() {
  const uint64_t seen = space_->size_blocks();
  std::lock_guard growing(grow_mutex_);
  const uint64_t size = space_->size_blocks();
  if (size != seen) return true;  // somebody else did
  const uint64_t target = size + TRY(grow_device(size));
  if (target == size) return false;
  GrowRecord record;
  record.header = {RecordType::kGrow, 0, 0, sizeof record};
  record.size_blocks = target;
  TRY(reserve_room(sizeof record));
  const Admission admission(*this, sizeof record, 0);
  std::lock_guard append(journal_->append_lock());
  journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  space_->set_size(target);
  return true;
}

// The superblock that says so is durable before anything is put beyond the old end: what may be
// replayed on top of the one before fits that one's bitmap. The ring stays as long as it was made.
Result<void> Pool::grow_capacity(uint64_t bytes) {
  std::lock_guard growing(grow_mutex_);
  const uint64_t has = space_->capacity_blocks();
  const bool is_block_device = device_->file_system_bytes() == 0;
  const uint64_t device_bytes = device_->size_bytes() + device_->growable_bytes();
  uint64_t blocks = bytes / kBlockBytes;
  if (bytes == 0) blocks = is_block_device ? std::max(has, device_bytes / kBlockBytes) : has;
  const auto refused = [&](Code code, const std::string& why) {
    return error(code, name_ + ": a pool of " + std::to_string(has * kBlockBytes) +
                           " bytes cannot get a capacity of " + std::to_string(bytes) + ": " + why);
  };
  if (blocks == has) return {};
  if (blocks < has) return refused(Code::kFailedPrecondition, "it would become smaller");
  if (blocks > kPoolBlocksMax) return refused(Code::kInvalidArgument, "the largest has 4 PiB");
  if (is_block_device && blocks * kBlockBytes > device_bytes) {
    return refused(Code::kFailedPrecondition,
                   "the device has " + std::to_string(device_bytes) + " bytes");
  }
  if (journal_->failed()) return read_only();
  std::lock_guard lock(checkpoint_mutex_);
  Superblock next = superblock_;
  next.capacity_blocks = blocks;
  next.growth_blocks = std::max(next.growth_blocks, growth_for(blocks));
  TRY(checkpoint_locked(next));
  growth_blocks_ = next.growth_blocks;
  space_->set_capacity(blocks);
  growth_failed_ = false;
  return {};
}

// Growth, else what is dead becomes free, for all who wait; kNoSpace when nothing is left that
// would do. The caller looks again what there is, and so it does where blocks have come since the
// attempt (`seen`): others may have been quicker, in making them and in taking them.
Result<void> Pool::make_room(const Space::Wanted& wanted, uint64_t seen) {
  std::lock_guard lock(room_mutex_);
  if (space_->arrivals() != seen) return {};
  growth_failed_ = false;
  if (TRY(grow())) return {};
  for (;;) {
    if (TRY(reclaim(wanted, seen))) return {};
    if (drop_cache()) continue;
    if (!ring_is_short() || !has_cache()) break;
    TRY(checkpoint());
  }
  return full();
}

// Which of the two it is: where room is to be made differs.
Error Pool::full() const {
  const uint64_t size = space_->size_blocks();
  const uint64_t capacity = space_->capacity_blocks();
  const auto mib = [](uint64_t blocks) {
    return std::to_string(blocks * kBlockBytes >> 20) + " MiB";
  };
  if (size < capacity) {
    return error(Code::kNoSpace, name_ + ": the file system under the pool is full (it has " +
                                     mib(size) + " of the " + mib(capacity) +
                                     " that it may have); make room there, or delete volumes or "
                                     "snapshots");
  }
  return error(Code::kNoSpace, name_ + ": the pool is full (" + mib(capacity) +
                                   "); delete volumes or snapshots, or raise its capacity and run "
                                   "`ashlar pool-grow`");
}

// Frees step by step, checkpoint by checkpoint, until blocks have come back; false when all that
// could still come would not do, for which no checkpoint is made. A drop that was asked for begins,
// and is walked once it is durable.
Result<bool> Pool::reclaim(const Space::Wanted& wanted, uint64_t seen) {
  for (;;) {
    while (free_step()) {
    }
    if (space_->has_room(wanted)) return true;  // somebody else gave up what he had taken
    if (!space_->waiting_would_do(wanted) && !dead_waits_for_checkpoint()) return false;
    TRY(checkpoint_after(seen));
    if (space_->arrivals() != seen) return true;
  }
}

// A checkpoint, unless one that was under way has brought what the caller wants to look at.
Result<void> Pool::checkpoint_after(uint64_t seen) {
  std::lock_guard lock(checkpoint_mutex_);
  return space_->arrivals() == seen ? timed_checkpoint() : Result<void>();
}

// Something is left that a step could free, had it the room, or that is not durable yet.
bool Pool::dead_waits_for_checkpoint() {
  return trees_wait_for_checkpoint() || next_dead_tree() || next_drop();
}

// Dead trees may be walked once the checkpoint is durable that made their pages so.
bool Pool::trees_wait_for_checkpoint() {
  std::lock_guard append(journal_->append_lock());
  return state_->trees_wait_for(durable_generation_);
}

// Below a tenth of the capacity, counting what is on its way to be free; one goes at a time.
bool Pool::caches_cost_too_much() {
  if (free_bytes() >= space_->capacity_blocks() * kBlockBytes / 10) return false;
  if (space_->waiting_blocks() > 0) return false;
  std::lock_guard append(journal_->append_lock());
  const PoolState& seen = *state_;
  return seen.dead_index.empty() &&
         !seen.cuts.find([&](const CutRow& row) { return seen.may_drop(row); });
}

uint64_t Pool::free_bytes() const {
  const uint64_t size = space_->size_blocks();
  const uint64_t unused = space_->capacity_blocks() - size;
  const uint64_t room = (device_->size_bytes() + device_->growable_bytes()) / kBlockBytes - size;
  const bool ends = room < unused && room < kGrowthBlocksMin;
  return space_->free_for_data(ends ? 0 : std::min(unused, room)) * kBlockBytes;
}

// Half of it is left for those who wait until a checkpoint is through.
bool Pool::ring_is_short() const {
  return journal_->used_bytes() > journal_->ring_bytes() / 2;
}

bool Pool::checkpoint_due() const {
  const uint64_t waiting = space_->waiting_blocks();
  return ring_is_short() || pages_->dirty_bytes() > dirty_page_bytes_max_ / 4 ||
         waiting > std::min(kWaitingBlocksMax, (space_->free_blocks() + waiting) / 2);
}

void Pool::wake_keeper() {
  std::lock_guard lock(keeper_mutex_);
  if (keeper_asked_) return;
  keeper_asked_ = true;
  keeper_wakes_.notify_one();
}

// Checkpoint first, freeing in what is left of the ring.
void Pool::keep() {
  if (room_wanted_.exchange(false) || checkpoint_due() || trees_wait_for_checkpoint()) {
    (void)checkpoint();
  }
  if (caches_cost_too_much()) (void)drop_cache();
  for (int steps = 0; steps < kStepsPerRound; steps++) {
    if (!free_step()) return;
  }
  wake_keeper();
}

void Pool::keeper_main() {
  std::unique_lock lock(keeper_mutex_);
  while (!stopping_) {
    keeper_wakes_.wait_for(lock, 200ms, [&] { return stopping_ || keeper_asked_; });
    if (stopping_) return;
    keeper_asked_ = false;
    lock.unlock();
    if (!journal_->failed()) keep();
    lock.lock();
  }
}

void Pool::ticker_main() {
  int looks = 0;
  std::unique_lock lock(keeper_mutex_);
  while (!stopping_) {
    keeper_wakes_.wait_for(lock, kLookInterval, [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    if (!journal_->failed() && journal_->has_unsynced() &&
        (++looks >= kLooksPerSync || unsynced_bytes_ > kUnsyncedBytesMax)) {
      looks = 0;
      unsynced_bytes_ = 0;
      (void)journal_->sync();
    }
    lock.lock();
  }
}

}  // namespace ashlar
