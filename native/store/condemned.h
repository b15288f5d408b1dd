// What a collection has condemned: frames by where they lie, 4 bytes each, so that a copy of the
// same id that is written meanwhile is another frame and stays. Immutable once it is published.
// Thread: any.
#pragma once

#include <algorithm>
#include <map>
#include <vector>

#include "store/index.h"

namespace ashlar {

class Condemned {
 public:
  // Requires that a pack is added once, its offsets ascending. A frame starts below 4 GiB: packs
  // end at 64 MiB.
  void add(const PackName& pack, std::vector<uint32_t> offsets) {
    if (!offsets.empty()) packs_.emplace(pack, std::move(offsets));
  }
  bool has(const Location& at) const { return has(at.pack, at.offset); }
  bool has(const PackName& pack, uint64_t offset) const {
    const auto found = packs_.find(pack);
    return found != packs_.end() &&
           std::binary_search(found->second.begin(), found->second.end(), uint32_t(offset));
  }

 private:
  std::map<PackName, std::vector<uint32_t>> packs_;
};

}  // namespace ashlar
