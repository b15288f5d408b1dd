// The Merkle tree of a snapshot (DESIGN 6): nodes of one level byte and 64 child ids; level 1 holds
// chunk ids. An all-zero subtree is the all-zero id at every level, so an empty 64 TiB volume is
// one id. Equal content and size give equal roots on any machine, whatever the history.
//
// Pure but for the sink that takes finished nodes. Thread: one at a time.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "codec/blake3.h"
#include "format/tree_format.h"

namespace ashlar {

// Levels of nodes a volume of this size needs, at least 1: 4 MiB, 256 MiB, 16 GiB, 1 TiB, 64 TiB.
uint8_t tree_height(uint64_t volume_bytes);

// A tree to build on: what is not added stays as it is there, and nodes off the ways to what is
// added are neither read nor built. Requires a volume that is not smaller than its.
struct MerkleBase {
  uint64_t volume_bytes = 0;
  Hash root{};  // zero = nothing
  // The node at (level, index), all zero children where there is none.
  std::function<NodeBytes(uint8_t level, uint64_t index)> node;
};

class MerkleBuilder {
 public:
  // `sink(level, index, id, bytes)` takes every node that is not all zero, children before parents.
  using Sink =
      std::function<void(uint8_t level, uint64_t index, const Hash& id, const NodeBytes& bytes)>;

  MerkleBuilder(const DomainKeys& keys, uint64_t volume_bytes, Sink sink = {},
                MerkleBase base = {});

  // Requires ascending indices inside the volume; what is left out is zero, or the base's.
  void add(uint64_t chunk_index, const Hash& id);
  // The tree's root. Nothing may follow.
  Hash finish();

 private:
  struct Level {
    std::optional<uint64_t> index;  // of the open node
    NodeBytes bytes{};
  };

  void put(uint8_t level, uint64_t child, const Hash& id);
  void open(uint8_t level, uint64_t index);
  void close(uint8_t level);

  const DomainKeys& keys_;
  const Sink sink_;
  const MerkleBase base_;
  const uint8_t base_height_;  // 0 = no base
  std::vector<Level> levels_;  // [0] = level 1
  Hash root_{};
};

Manifest make_manifest(uint64_t volume_bytes, const std::array<uint8_t, 16>& domain,
                       const Hash& tree_root);
// What a manifest says; kInvalidArgument when it is not one of the default domain.
struct ManifestFields {
  uint64_t volume_bytes = 0;
  Hash tree_root{};
};
Result<ManifestFields> read_manifest(const Manifest& manifest);
// The snapshot's root.
Hash manifest_root(const DomainKeys& keys, const Manifest& manifest);

}  // namespace ashlar
