// Places in the tree of a snapshot: level and index, chunks being level 0; what a node covers and
// names. On the wire a place is one number, the level in its top 8 bits (DESIGN 8). Pure.
#pragma once

#include <compare>
#include <cstring>
#include <string>

#include "seal/merkle.h"

namespace ashlar {

struct TreePlace {
  uint8_t level = 0;
  uint64_t index = 0;
  auto operator<=>(const TreePlace&) const = default;

  TreePlace parent() const { return {uint8_t(level + 1), index / kFanOut}; }
  TreePlace child(uint64_t number) const { return {uint8_t(level - 1), index * kFanOut + number}; }
};

inline uint64_t number_of(const TreePlace& place) {
  return uint64_t(place.level) << 56 | place.index;
}
inline TreePlace place_of(uint64_t number) {
  return {uint8_t(number >> 56), number & ((1ull << 56) - 1)};
}

inline std::string to_string(const TreePlace& place) {
  if (place.level == 0) return "chunk " + std::to_string(place.index);
  return "node " + std::to_string(place.index) + " of level " + std::to_string(place.level);
}

// Chunks under one place of this level. Requires a level of some tree.
inline uint64_t chunks_below(uint8_t level) {
  uint64_t chunks = 1;
  for (uint8_t i = 0; i < level; i++)
    chunks *= kFanOut;
  return chunks;
}

inline Hash child_id(const NodeBytes& node, uint64_t child) {
  Hash id;
  std::memcpy(id.data(), &node[1 + child * sizeof(Hash)], sizeof id);
  return id;
}

}  // namespace ashlar
