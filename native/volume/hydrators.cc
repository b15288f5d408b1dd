#include "volume/hydrators.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace ashlar {

std::shared_ptr<Hydrator> Hydrators::of(const Head& head) {
  std::lock_guard append(pool_.journal().append_lock());
  const PoolState& state = pool_.state();
  const auto found = state.heads.find(head.lineage);
  const bool deleted = found == state.heads.end();  // nothing keeps the origin of such a head
  return deleted || head.origin == 0 ? nullptr : at(head.origin - 1);
}

std::shared_ptr<Hydrator> Hydrators::at(uint32_t slot) {
  const OriginRow& origin = std::as_const(pool_.state()).origins[slot];
  CHECK(origin.used);
  uint64_t origin_bytes = 0;  // at offset 24 of the manifest (DESIGN 6)
  std::memcpy(&origin_bytes, origin.manifest.data() + 24, sizeof origin_bytes);
  auto& place = by_slot_[slot];
  if (!place || place->snapshot() != origin.snapshot) {
    place = std::make_shared<Hydrator>(pool_, slot, origin.snapshot, origin_bytes, guest_requests_,
                                       demand_);
  }
  return place;
}

}  // namespace ashlar
