// Hashes as keys of hash tables: they are spread evenly already. Pure.
#pragma once

#include <cstring>

#include "base/id.h"

namespace ashlar {

struct HashHasher {
  size_t operator()(const Hash& hash) const {
    size_t value;
    std::memcpy(&value, hash.data(), sizeof value);
    return value;
  }
};

}  // namespace ashlar
