// Traffic: what hosts asked of one volume since this process opened it, counted where requests are
// answered and read by nobody but the operator. Each operation has cache lines of its own; a batch
// of requests is added at once. Thread: any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/durations.h"

namespace ashlar {

enum class Operation : uint8_t { kRead, kWrite, kTrim, kZero, kFlush, kOther };
constexpr size_t kOperations = 6;

constexpr const char* name_of(Operation operation) {
  constexpr const char* kNames[kOperations] = {"read", "write", "trim", "zero", "flush", "other"};
  return kNames[size_t(operation)];
}

// Requests of one operation that began at one time and are answered at one time.
struct Answered {
  Operation operation{};
  uint64_t since_ns = 0;  // monotonic
  uint32_t requests = 0;
  uint32_t failed = 0;  // of them, through no fault of the host
  uint64_t bytes = 0;   // of those that did what was asked
};

class Traffic {
 public:
  struct Reading {
    uint64_t bytes = 0;
    uint64_t failed = 0;
    Durations::Reading durations;  // one for each request
  };

  void began(size_t requests) { open_.fetch_add(int64_t(requests), std::memory_order_relaxed); }
  void answered(const Answered& some, uint64_t now_ns) {
    Row& row = rows_[size_t(some.operation)];
    if (some.bytes > 0) row.bytes.fetch_add(some.bytes, std::memory_order_relaxed);
    if (some.failed > 0) row.failed.fetch_add(some.failed, std::memory_order_relaxed);
    // A part of a long read ends nothing.
    if (some.requests > 0) row.durations.add(now_ns - some.since_ns, some.requests);
  }
  // They were answered, or never will be.
  void ended(size_t requests) { open_.fetch_sub(int64_t(requests), std::memory_order_relaxed); }

  Reading read(Operation operation) const {
    const Row& row = rows_[size_t(operation)];
    return {row.bytes.load(std::memory_order_relaxed), row.failed.load(std::memory_order_relaxed),
            row.durations.read()};
  }
  // Requests that were received and are not answered.
  uint64_t queue_depth() const {
    const int64_t open = open_.load(std::memory_order_relaxed);
    return open < 0 ? 0 : uint64_t(open);
  }

 private:
  static constexpr size_t kCacheLineBytes = 64;
  struct alignas(kCacheLineBytes) Row {
    std::atomic<uint64_t> bytes{0};
    std::atomic<uint64_t> failed{0};
    Durations durations;
  };

  std::array<Row, kOperations> rows_;
  alignas(kCacheLineBytes) std::atomic<int64_t> open_{0};
};

}  // namespace ashlar
