// The hydrators of a pool, by slot of their origin. Made when a volume is created from an origin or
// a pool with such volumes is opened. Thread: any.
#pragma once

#include "volume/hydrator.h"

namespace ashlar {

class Hydrators {
 public:
  explicit Hydrators(Pool& pool) : pool_(pool) {}

  // Null when the slot holds no origin.
  std::shared_ptr<Hydrator> at(uint32_t slot);

  // A guest is at work: what is fetched in the background gives way.
  void note_guest() { guest_requests_->fetch_add(1, std::memory_order_relaxed); }

 private:
  Pool& pool_;
  const std::shared_ptr<std::atomic<uint64_t>> guest_requests_ =
      std::make_shared<std::atomic<uint64_t>>(0);
  std::mutex mutex_;
  std::map<std::pair<uint32_t, Id>, std::shared_ptr<Hydrator>> by_slot_;
};

}  // namespace ashlar
