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

 private:
  Pool& pool_;
  std::mutex mutex_;
  std::map<std::pair<uint32_t, Id>, std::shared_ptr<Hydrator>> by_slot_;
};

}  // namespace ashlar
