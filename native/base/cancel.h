// Ends long work early: whoever does it asks between its steps. Once set it stays. Thread: any.
#pragma once

#include <atomic>
#include <string>

#include "base/result.h"

namespace ashlar {

class Cancel {
 public:
  void set() { set_.store(true, std::memory_order_relaxed); }
  // kCancelled when it is set.
  Result<void> check() const {
    if (!set_.load(std::memory_order_relaxed)) return {};
    return error(Code::kCancelled, "the work was ended by whoever asked for it");
  }

 private:
  std::atomic<bool> set_{false};
};

}  // namespace ashlar
