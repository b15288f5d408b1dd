// Grace sections: a reader enters before it looks a block up and leaves after it has checked the
// bytes; wait() returns when every reader that was inside at the call has left. A freed block
// becomes allocatable only after that (I2). Two counters in turn, as in sleepable RCU. Thread: any.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <thread>

namespace ashlar {

class Grace {
 public:
  class Section {
   public:
    explicit Section(Grace& grace) : counter_(grace.enter()) {}
    ~Section() { counter_.fetch_sub(1, std::memory_order_release); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    std::atomic<uint64_t>& counter_;
  };

  void wait() {
    std::lock_guard lock(wait_mutex_);
    // Twice: a reader may have read the turn before the first flip and counted itself after it.
    for (int flip = 0; flip < 2; flip++) {
      const uint64_t old = turn_.fetch_xor(1);
      for (const Shard& shard : shards_) {
        while (shard.readers[old].load(std::memory_order_acquire) != 0)
          std::this_thread::yield();
      }
    }
  }

 private:
  struct alignas(64) Shard {
    std::array<std::atomic<uint64_t>, 2> readers{};
  };

  std::atomic<uint64_t>& enter() {
    static thread_local const size_t mine =
        std::hash<std::thread::id>{}(std::this_thread::get_id()) % kShards;
    auto& counter = shards_[mine].readers[turn_.load()];
    counter.fetch_add(1);
    return counter;
  }

  static constexpr size_t kShards = 16;
  std::array<Shard, kShards> shards_;
  std::atomic<uint64_t> turn_{0};
  std::mutex wait_mutex_;
};

}  // namespace ashlar
