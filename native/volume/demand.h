// Demand: the origins of a pool that have readers who wait while no receiver asks for them, in the
// order of their first. Whoever opens receivers takes them from here; nobody has to look.
//
// Thread: any. mutex_ is taken inside a hydrator's and takes no other lock.
#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "base/changes.h"
#include "base/id.h"
#include "base/result.h"

namespace ashlar {

class Demand {
 public:
  void add(const Id& snapshot) {
    std::lock_guard lock(mutex_);
    const bool known = std::find(origins_.begin(), origins_.end(), snapshot) != origins_.end();
    if (!known) origins_.push_back(snapshot);
    changed_.notify_all();
  }
  // All there are. None yet: `ready` is called when it is worth asking again. kShuttingDown once it
  // is closed.
  Result<std::vector<Id>> take(const Ready& ready) {
    std::lock_guard lock(mutex_);
    const auto some = [this] { return closed_ || !origins_.empty(); };
    if (!changed_.holds(some, ready)) return std::vector<Id>();
    if (closed_) return error(Code::kShuttingDown, "the pool is closed");
    return std::exchange(origins_, {});
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  Changes changed_;
  std::vector<Id> origins_;
  bool closed_ = false;
};

}  // namespace ashlar
