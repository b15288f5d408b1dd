// The hydrators of a pool, by slot of their origin; made when they are first asked for. A slot is
// used again for another origin when its own is gone. Thread: any.
#pragma once

#include "volume/hydrator.h"

namespace ashlar {

class Hydrators {
 public:
  explicit Hydrators(Pool& pool) : pool_(pool) {}

  // Of the origin that remote entries of the head mean; null when none are left, or the head is
  // deleted. It stays that origin's, whatever takes the slot later.
  std::shared_ptr<Hydrator> of(const Head& head);
  // Requires the append lock, and an origin in the slot.
  std::shared_ptr<Hydrator> at(uint32_t slot);

  // Origins that readers wait for and nobody asks for.
  const std::shared_ptr<Demand>& demand() { return demand_; }

  // A guest is at work: what is fetched in the background gives way.
  void note_guest() { guest_requests_->fetch_add(1, std::memory_order_relaxed); }

 private:
  Pool& pool_;
  const std::shared_ptr<Demand> demand_ = std::make_shared<Demand>();
  const std::shared_ptr<std::atomic<uint64_t>> guest_requests_ =
      std::make_shared<std::atomic<uint64_t>>(0);
  std::map<uint32_t, std::shared_ptr<Hydrator>> by_slot_;  // under the append lock
};

}  // namespace ashlar
