// How long something took, how often: a histogram of power-of-two bounds, for the operator. Adding
// is two relaxed additions, so that it may stand on the way of every request. Thread: any; a
// reading beside additions may miss some of them, in one array and not yet in another.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ashlar {

class Durations {
 public:
  // Bucket i holds what took less than 2^(kFirstPower + i) µs and did not fit the one before: 4 µs
  // to 34 s. The last has no bound.
  static constexpr unsigned kFirstPower = 2;
  static constexpr size_t kBounds = 24;

  struct Reading {
    std::array<uint64_t, kBounds + 1> buckets{};
    uint64_t sum_ns = 0;
    uint64_t count() const {
      uint64_t count = 0;
      for (const uint64_t bucket : buckets)
        count += bucket;
      return count;
    }
  };

  void add(uint64_t ns, uint64_t times = 1) {
    buckets_[bucket_of(ns)].fetch_add(times, std::memory_order_relaxed);
    sum_ns_.fetch_add(ns * times, std::memory_order_relaxed);
  }
  Reading read() const {
    Reading reading;
    for (size_t i = 0; i < buckets_.size(); i++)
      reading.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    reading.sum_ns = sum_ns_.load(std::memory_order_relaxed);
    return reading;
  }
  static constexpr uint64_t bound_ns(size_t bucket) { return (1000ull << kFirstPower) << bucket; }

 private:
  static constexpr size_t bucket_of(uint64_t ns) {
    const size_t power = size_t(std::bit_width(ns / 1000));
    return std::min(std::max<size_t>(power, kFirstPower) - kFirstPower, kBounds);
  }

  std::array<std::atomic<uint64_t>, kBounds + 1> buckets_{};
  std::atomic<uint64_t> sum_ns_{0};
};

}  // namespace ashlar
