#include "commit/pool.h"

#include "base/thread.h"
#include "base/thread_name.h"

namespace ashlar {

Pool::~Pool() {
  if (!closed_) {
    std::lock_guard lock(keeper_mutex_);
    stopping_ = true;
    keeper_wakes_.notify_all();
  }
  if (keeper_.joinable()) keeper_.join();
  if (ticker_.joinable()) ticker_.join();
}

Result<void> Pool::start_threads() {
  auto keeper = try_thread([this] {
    name_thread("pool-keeper");
    keeper_main();
  });
  if (!keeper) return no_thread("opening the pool");
  keeper_ = *std::move(keeper);
  auto ticker = try_thread([this] {
    name_thread("pool-ticker");
    ticker_main();
  });
  if (!ticker) return no_thread("opening the pool");
  ticker_ = *std::move(ticker);
  return {};
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
  Superblock next = superblock_;
  next.clean = 1;
  return checkpoint_locked(next);
}

Result<void> Pool::load(const Missing& missing) {
  auto page = pages_->load(missing.block, missing.crc, missing.level);
  if (!page) return std::move(page).error();
  return {};
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
