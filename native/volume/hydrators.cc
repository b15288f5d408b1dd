#include "volume/hydrators.h"

#include <cstring>

namespace ashlar {

std::shared_ptr<Hydrator> Hydrators::at(uint32_t slot) {
  OriginRow origin;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const auto& rows = pool_.state().origins.rows();
    if (slot >= rows.size() || !rows[slot].used) return nullptr;
    origin = rows[slot];
  }
  uint64_t origin_bytes = 0;  // at offset 24 of the manifest (DESIGN 6)
  std::memcpy(&origin_bytes, origin.manifest.data() + 24, sizeof origin_bytes);
  std::lock_guard lock(mutex_);
  auto& place = by_slot_[{slot, origin.snapshot}];
  if (!place) place = std::make_shared<Hydrator>(pool_, slot, origin_bytes, guest_requests_);
  return place;
}

}  // namespace ashlar
