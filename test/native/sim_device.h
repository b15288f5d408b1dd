// SimDevice: a disk that fails the way disks do. What was not synced may be lost, kept, or torn at
// 512 bytes, in any combination, when the power goes; a sync can fail; the power can go before any
// operation. Everything is drawn from a seed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "device/device.h"
#include "support/prng.h"

namespace ashlar::test {

class SimDisk {  // survives the power cut
 public:
  std::vector<uint8_t> bytes;
};

class SimDevice final : public Device {
 public:
  SimDevice(SimDisk& disk, uint64_t seed, uint64_t file_system_bytes = 1ull << 30)
      : disk_(disk), file_system_bytes_(file_system_bytes), prng_(seed), size_(disk.bytes.size()) {}
  // Also where opening a pool failed half way, which drops the device.
  ~SimDevice() override {
    if (crashed_) power_cycle();
  }

  // The power goes before the `operation`-th write, sync or grow from now on.
  void crash_at(uint64_t operation) { crash_at_ = operations_ + operation; }
  bool crashed() const { return crashed_; }
  uint64_t operations() const { return operations_; }
  void fail_syncs(bool fail) { fail_syncs_ = fail; }
  // Nothing is ever unsynced: for long tests that do not crash.
  void write_through() { write_through_ = true; }

  // The next so many writes wait, until they are let go.
  void hold_writes(size_t count) {
    std::lock_guard lock(hold_mutex_);
    to_hold_ = count;
  }
  size_t writes_held() {
    std::lock_guard lock(hold_mutex_);
    return held_;
  }
  void let_go() {
    std::lock_guard lock(hold_mutex_);
    to_hold_ = 0;
    held_ = 0;
    let_go_.notify_all();
  }

  // The power goes at the worst moment for those writes: all others that were not synced stay.
  void power_cycle_losing(const std::function<bool(uint64_t offset, uint64_t bytes)>& lost) {
    std::lock_guard lock(mutex_);
    for (const Write& write : unsynced_) {
      if (!lost(write.offset, write.data.size())) put(write.offset, write.data);
    }
    unsynced_.clear();
  }

  // What the medium keeps after the power cut: an arbitrary subset of what was not synced.
  void power_cycle() {
    std::lock_guard lock(mutex_);
    for (const Write& write : unsynced_) {
      const uint64_t fate = prng_.below(4);
      if (fate == 0) continue;  // lost
      for (uint64_t sector = 0; sector < write.data.size(); sector += 512) {
        if (fate == 1 && prng_.below(2) == 0) continue;  // torn
        const uint64_t bytes = std::min<uint64_t>(512, write.data.size() - sector);
        put(write.offset + sector, Bytes(write.data).subspan(sector, bytes));
      }
    }
    unsynced_.clear();
  }

  Result<void> read(uint64_t offset, MutableBytes into) override {
    std::lock_guard lock(mutex_);
    if (crashed_) return gone();
    if (offset + into.size() > size_) return error(Code::kDeviceFailed, "read past the end");
    std::memset(into.data(), 0, into.size());
    if (offset < disk_.bytes.size()) {
      std::memcpy(into.data(), disk_.bytes.data() + offset,
                  std::min<uint64_t>(into.size(), disk_.bytes.size() - offset));
    }
    for (const Write& write : unsynced_) {
      const uint64_t begin = std::max(offset, write.offset);
      const uint64_t end = std::min(offset + into.size(), write.offset + write.data.size());
      if (begin >= end) continue;
      std::memcpy(into.data() + (begin - offset), write.data.data() + (begin - write.offset),
                  end - begin);
    }
    return {};
  }
  // From here on nothing is in memory: a read has to wait for the disk.
  void forget_cache() { cold_ = true; }
  Result<bool> read_cached(uint64_t offset, MutableBytes into) override {
    if (cold_) return false;
    TRY(read(offset, into));
    return true;
  }
  Result<void> read_uncached(uint64_t offset, MutableBytes into) override {
    return read(offset, into);
  }

  Result<void> write(uint64_t offset, std::span<iovec> parts) override {
    wait_if_held();
    std::lock_guard lock(mutex_);
    if (step()) return gone();
    Write write{offset, {}};
    for (const iovec& part : parts) {
      const auto* data = static_cast<const uint8_t*>(part.iov_base);
      write.data.insert(write.data.end(), data, data + part.iov_len);
    }
    if (offset + write.data.size() > size_) return error(Code::kDeviceFailed, "write past the end");
    if (write_through_) {
      put(write.offset, write.data);
    } else {
      unsynced_.push_back(std::move(write));
    }
    return {};
  }

  Result<void> sync() override {
    std::lock_guard lock(mutex_);
    if (step()) return gone();
    if (fail_syncs_) return error(Code::kDeviceFailed, "sync failed on purpose");
    for (const Write& write : unsynced_)
      put(write.offset, write.data);
    unsynced_.clear();
    return {};
  }

  Result<void> grow(uint64_t bytes) override {
    std::lock_guard lock(mutex_);
    if (step()) return gone();
    if (bytes > file_system_bytes_) return error(Code::kNoSpace, "the file system is full");
    size_ = std::max(size_.load(), bytes);
    if (disk_.bytes.size() < size_) disk_.bytes.resize(size_);
    return {};
  }
  void prefetch(ByteRange) override {}
  uint64_t size_bytes() const override { return size_; }
  uint64_t growable_bytes() const override {
    return file_system_bytes_ > size_ ? file_system_bytes_ - size_ : 0;
  }
  uint64_t file_system_bytes() const override { return file_system_bytes_; }

 private:
  struct Write {
    uint64_t offset;
    std::vector<uint8_t> data;
  };

  void put(uint64_t offset, Bytes data) {
    if (disk_.bytes.size() < offset + data.size()) disk_.bytes.resize(offset + data.size());
    std::memcpy(disk_.bytes.data() + offset, data.data(), data.size());
  }
  void wait_if_held() {
    std::unique_lock lock(hold_mutex_);
    if (to_hold_ == 0) return;
    to_hold_--;
    held_++;
    let_go_.wait(lock, [&] { return held_ == 0; });
  }
  bool step() {
    if (!crashed_ && crash_at_ && operations_ >= *crash_at_) crashed_ = true;
    operations_++;
    return crashed_;
  }
  Error gone() const { return error(Code::kDeviceFailed, "the power is off"); }

  SimDisk& disk_;
  const uint64_t file_system_bytes_;
  std::mutex mutex_;
  Prng prng_;
  std::atomic<uint64_t> size_;  // only grows
  std::vector<Write> unsynced_;
  uint64_t operations_ = 0;
  std::optional<uint64_t> crash_at_;
  bool crashed_ = false;
  bool fail_syncs_ = false;
  bool write_through_ = false;
  std::atomic<bool> cold_{false};

  std::mutex hold_mutex_;
  std::condition_variable let_go_;
  size_t to_hold_ = 0;
  size_t held_ = 0;
};

}  // namespace ashlar::test
