// A device whose user can die at any operation, on the disk of SimDevice: by a kill, which leaves
// all that was handed over, or with the power, which leaves of what was not synced whatever it
// likes. Thread: any.
#pragma once

#include <atomic>

#include "sim_device.h"

namespace ashlar::test {

class MortalDevice final : public Device {
 public:
  MortalDevice(SimDisk& disk, uint64_t seed, uint64_t file_system_bytes)
      : disk_(disk, seed, file_system_bytes) {}

  // Opening a pool that fails drops the device: what was not synced goes as the power does.
  ~MortalDevice() override {
    if (dead_ && dies_with_power_) disk_.power_cycle();
  }
  void dies_with_power(bool with_power) { dies_with_power_ = with_power; }

  // Nothing gets through from the `operation`-th write, sync or grow on, counted from now.
  void die_at(uint64_t operation) { left_ = int64_t(operation); }
  void die() { dead_ = true; }
  bool dead() const { return dead_; }

  // Requires dead(): what the next life finds.
  void keep_all() { (void)disk_.sync(); }
  void lose_power() { disk_.power_cycle(); }

  Result<void> read(uint64_t offset, MutableBytes into) override {
    if (dead_) return gone();
    return disk_.read(offset, into);
  }
  Result<bool> read_cached(uint64_t offset, MutableBytes into) override {
    TRY(read(offset, into));
    return true;
  }
  Result<void> read_uncached(uint64_t offset, MutableBytes into) override {
    return read(offset, into);
  }
  Result<void> write(uint64_t offset, std::span<iovec> parts) override {
    if (step()) return gone();
    return disk_.write(offset, parts);
  }
  Result<void> sync() override {
    if (step()) return gone();
    return disk_.sync();
  }
  Result<void> grow(uint64_t bytes) override {
    if (step()) return gone();
    std::lock_guard lock(size_mutex_);
    return disk_.grow(bytes);
  }
  void prefetch(ByteRange) override {}
  uint64_t size_bytes() const override {
    std::lock_guard lock(size_mutex_);
    return disk_.size_bytes();
  }
  uint64_t growable_bytes() const override {
    std::lock_guard lock(size_mutex_);
    return disk_.growable_bytes();
  }
  uint64_t file_system_bytes() const override { return disk_.file_system_bytes(); }

 private:
  bool step() {
    if (left_.fetch_sub(1) <= 0) dead_ = true;
    return dead_;
  }
  Error gone() const { return error(Code::kDeviceFailed, "its user is dead"); }

  SimDevice disk_;
  mutable std::mutex size_mutex_;  // of disk_, which says its size without a lock
  std::atomic<int64_t> left_{INT64_MAX};
  std::atomic<bool> dead_{false};
  bool dies_with_power_ = false;
};

}  // namespace ashlar::test
