#include "commit/pool.h"

#include <chrono>

#include "base/thread_name.h"

namespace ashlar {

using namespace std::chrono_literals;

namespace {

constexpr uint64_t kDirtyPageBytesMax = 64ull << 20;
constexpr uint64_t kWaitingBlocksMax = (1ull << 30) / kBlockBytes;
constexpr uint64_t kUnsyncedBytesMax = 256ull << 20;
constexpr auto kSealInterval = 100ms;
constexpr int kSealsPerSync = 10;  // once a second

}  // namespace

Pool::~Pool() {
  if (!closed_) {
    std::lock_guard lock(keeper_mutex_);
    stopping_ = true;
    keeper_wakes_.notify_all();
  }
  if (keeper_.joinable()) keeper_.join();
  if (ticker_.joinable()) ticker_.join();
}

void Pool::start_threads() {
  keeper_ = std::thread([this] {
    name_thread("pool-keeper");
    keeper_main();
  });
  ticker_ = std::thread([this] {
    name_thread("pool-ticker");
    ticker_main();
  });
}

Result<void> Pool::close() {
  {
    std::lock_guard lock(keeper_mutex_);
    stopping_ = true;
    keeper_wakes_.notify_all();
  }
  if (keeper_.joinable()) keeper_.join();
  if (ticker_.joinable()) ticker_.join();
  closed_ = true;
  std::lock_guard lock(checkpoint_mutex_);
  return checkpoint_locked(true, superblock_.journal_generation);
}

Result<void> Pool::load(const Missing& missing) {
  auto page = pages_->load(missing.block, missing.crc, missing.level);
  if (!page) return std::move(page).error();
  return {};
}

Result<Pool::Admission> Pool::admit(uint64_t record_bytes, uint64_t pages, Space::Purpose purpose) {
  for (;;) {
    if (journal_->failed()) {
      return error(Code::kPoolReadOnly, name_ + ": the pool is read-only since a write failed (" +
                                            journal_->failure().message + "); restart the daemon");
    }
    const uint64_t used = journal_->used_bytes();
    const uint64_t ring = journal_->ring_bytes();
    if (used > ring / 2) wake_keeper();
    // From three quarters on writers slow down smoothly, so that the wall is never hit at speed.
    if (used > ring / 4 * 3) {
      std::this_thread::sleep_for(10ms * (used - ring / 4 * 3) / (ring / 4));
    }
    if (!journal_->reserve(record_bytes)) {
      wake_keeper();
      if (auto room = journal_->wait_for_room(); !room) continue;  // failed: said above
      continue;
    }
    if (pages == 0 || space_->promise(pages, purpose)) return Admission(*this, record_bytes, pages);
    journal_->unreserve(record_bytes);
    TRY(make_room());
  }
}

bool Pool::may_grow_for_speed() const {
  if (growth_failed_) return false;
  const uint64_t size = space_->size_blocks();
  if (size >= space_->capacity_blocks() || size >= 4 * space_->used_blocks()) return false;
  return device_->growable_bytes() * 5 >= device_->file_system_bytes();
}

Result<std::vector<PoolRun>> Pool::allocate(uint64_t blocks) {
  for (;;) {
    if (auto runs = space_->allocate(blocks, Space::Purpose::kData, false)) return *std::move(runs);
    if (may_grow_for_speed() && TRY(grow())) continue;
    if (auto runs = space_->allocate(blocks, Space::Purpose::kData, true)) return *std::move(runs);
    TRY(make_room());
  }
}

// Adds a step to the file; false when there is none to be had.
Result<bool> Pool::grow() {
  const uint64_t seen = space_->size_blocks();
  std::lock_guard growing(grow_mutex_);
  const uint64_t size = space_->size_blocks();
  if (size != seen) return true;  // somebody else did
  const uint64_t target = std::min(size + superblock_.growth_blocks, space_->capacity_blocks());
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
  while (!journal_->reserve(sizeof record))
    TRY(journal_->wait_for_room());
  std::lock_guard append(journal_->append_lock());
  journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  space_->set_size(target);
  return true;
}

// Growth, else one checkpoint (and what is dead) for all who wait; kNoSpace when it gave nothing.
Result<void> Pool::make_room() {
  const uint64_t seen = space_->free_blocks();
  std::lock_guard lock(room_mutex_);
  if (space_->free_blocks() > seen) return {};
  growth_failed_ = false;
  if (TRY(grow())) return {};
  const uint64_t before = space_->free_blocks();
  do {
    TRY(reclaim());
    if (space_->free_blocks() > before) return {};
  } while (TRY(drop_cache()));
  return error(Code::kNoSpace, name_ + ": the pool is full (" +
                                   std::to_string(space_->capacity_blocks() * kBlockBytes >> 20) +
                                   " MiB); delete volumes or snapshots, or give it a larger file");
}

// What is dead becomes free; a drop that was asked for begins, and is walked once it is durable.
Result<void> Pool::reclaim() {
  constexpr int kStepsMax = 4096;
  for (int round = 0; round < 2; round++) {
    for (int steps = 0; steps < kStepsMax && TRY(free_step()); steps++) {
    }
    TRY(checkpoint());
  }
  for (int steps = 0; steps < kStepsMax && TRY(free_step()); steps++) {
  }
  if (space_->waiting_blocks() > 0) return checkpoint();
  return {};
}

// Below a tenth of the capacity, counting what is on its way to be free; one goes at a time.
bool Pool::caches_cost_too_much() {
  if (free_bytes() >= space_->capacity_blocks() * kBlockBytes / 10) return false;
  if (space_->waiting_blocks() > 0) return false;
  std::lock_guard append(journal_->append_lock());
  const PoolState& seen = *state_;
  return !seen.dead_trees.find([](const DeadTreeRow&) { return true; }) &&
         !seen.cuts.find([&](const CutRow& row) { return seen.may_drop(row); });
}

uint64_t Pool::free_bytes() const {
  const uint64_t size = space_->size_blocks() * kBlockBytes;
  const uint64_t unused = space_->capacity_blocks() * kBlockBytes - size;
  // A block device is as long as it will ever be.
  const uint64_t room = device_->size_bytes() - size + device_->growable_bytes();
  return space_->free_blocks() * kBlockBytes + std::min(unused, room);
}

bool Pool::checkpoint_due() const {
  const uint64_t waiting = space_->waiting_blocks();
  return journal_->used_bytes() > journal_->ring_bytes() / 2 ||
         pages_->dirty_bytes() > kDirtyPageBytesMax ||
         waiting > std::min(kWaitingBlocksMax, (space_->free_blocks() + waiting) / 2);
}

void Pool::wake_keeper() {
  std::lock_guard lock(keeper_mutex_);
  if (keeper_asked_) return;
  keeper_asked_ = true;
  keeper_wakes_.notify_one();
}

void Pool::keeper_main() {
  std::unique_lock lock(keeper_mutex_);
  while (!stopping_) {
    keeper_wakes_.wait_for(lock, 200ms, [&] { return stopping_ || keeper_asked_; });
    if (stopping_) return;
    keeper_asked_ = false;
    lock.unlock();
    if (!journal_->failed()) {
      if (checkpoint_due()) (void)checkpoint();
      if (caches_cost_too_much()) (void)drop_cache();
      // Dead trees wait for the checkpoint that makes their pages durable.
      bool waits_for_checkpoint = false;
      {
        std::lock_guard append(journal_->append_lock());
        for (const auto& [id, generation] : state_->dead_since) {
          waits_for_checkpoint = waits_for_checkpoint || generation > durable_generation_;
        }
      }
      if (waits_for_checkpoint) (void)checkpoint();
      for (int steps = 0; steps < 256; steps++) {
        auto more = free_step();
        if (!more || !*more) break;
        if (steps == 255) wake_keeper();
      }
    }
    lock.lock();
  }
}

void Pool::tick() {
  (void)journal_->write_out();
}

void Pool::ticker_main() {
  int seals = 0;
  std::unique_lock lock(keeper_mutex_);
  while (!stopping_) {
    keeper_wakes_.wait_for(lock, kSealInterval, [&] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    if (!journal_->failed() && journal_->has_unsynced()) {
      if (++seals >= kSealsPerSync || unsynced_bytes_ > kUnsyncedBytesMax) {
        seals = 0;
        unsynced_bytes_ = 0;
        (void)journal_->sync();
      } else {
        (void)journal_->write_out();
      }
    }
    lock.lock();
  }
}

void Pool::pin_cut(const Id& snapshot) {
  std::lock_guard lock(pins_mutex_);
  cut_pins_[snapshot]++;
}

void Pool::unpin_cut(const Id& snapshot) {
  {
    std::lock_guard lock(pins_mutex_);
    const auto pin = cut_pins_.find(snapshot);
    CHECK(pin != cut_pins_.end());
    if (--pin->second == 0) cut_pins_.erase(pin);
  }
  wake_keeper();
}

}  // namespace ashlar
