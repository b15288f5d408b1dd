// Who makes room. Journal room and pool blocks come from checkpoints and from freeing what is dead;
// the keeper does both, and never waits for either: a checkpoint needs no room in the ring, and a
// freeing step that finds none leaves it to the next checkpoint. Guests wait here for the keeper,
// or make blocks themselves, one of them for all. DESIGN 4, Who makes room.
#include <chrono>

#include "base/thread_name.h"
#include "commit/pool.h"

namespace ashlar {

using namespace std::chrono_literals;

namespace {

constexpr uint64_t kWaitingBlocksMax = (1ull << 30) / kBlockBytes;
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

// Adds a step to the file; false when there is none to be had.
Result<bool> Pool::grow() {
  const uint64_t seen = space_->size_blocks();
  std::lock_guard growing(grow_mutex_);
  const uint64_t size = space_->size_blocks();
  if (size != seen) return true;  // somebody else did
  const uint64_t target = std::min(size + growth_blocks_, space_->capacity_blocks());
  if (target == size) return false;
  auto grown = device_->grow(target * kBlockBytes);
  if (!grown) {
    if (grown.error().code != Code::kNoSpace) return std::move(grown).error();
    growth_failed_ = true;
    return false;
  }
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
  return error(Code::kNoSpace, name_ + ": the pool is full (" +
                                   std::to_string(space_->capacity_blocks() * kBlockBytes >> 20) +
                                   " MiB); delete volumes or snapshots, or give it a larger file");
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
  const uint64_t size = space_->size_blocks() * kBlockBytes;
  const uint64_t unused = space_->capacity_blocks() * kBlockBytes - size;
  // A block device is as long as it will ever be.
  const uint64_t room = device_->size_bytes() - size + device_->growable_bytes();
  return space_->free_blocks() * kBlockBytes + std::min(unused, room);
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
