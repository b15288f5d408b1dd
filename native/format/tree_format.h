// Bytes of a snapshot's tree (DESIGN 6): what a node and a manifest hold. Building and hashing them
// is seal/merkle.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>

#include "base/bytes.h"
#include "base/id.h"

namespace ashlar {

constexpr uint64_t kFanOut = 64;
constexpr size_t kNodeBytes = 1 + kFanOut * sizeof(Hash);

// One level byte, then the ids of 64 children; level 1 holds chunk ids.
using NodeBytes = std::array<uint8_t, kNodeBytes>;

inline uint8_t node_level(const NodeBytes& node) {
  return node[0];
}
inline Hash node_child(const NodeBytes& node, uint64_t child) {
  Hash id;
  std::memcpy(id.data(), &node[1 + child * sizeof id], sizeof id);
  return id;
}

// 80 bytes: magic, version, chunk bytes, fan-out, zero, volume bytes, domain, tree root.
using Manifest = std::array<uint8_t, 80>;

inline Hash manifest_tree_root(const Manifest& manifest) {
  Hash root;
  std::memcpy(root.data(), &manifest[48], sizeof root);
  return root;
}

}  // namespace ashlar
