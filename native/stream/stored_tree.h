// The tree of a snapshot in a store, read from its root downwards: the base of a pull. Every node
// is verified by its id. The way to the last place asked for is kept, so ascending questions cost
// one read a node. Thread: one at a time.
#pragma once

#include "seal/merkle.h"
#include "store/chunk_store.h"

namespace ashlar {

class StoredTree {
 public:
  // `root`: of a committed snapshot. kNotFound; kCorrupt.
  static Result<std::unique_ptr<StoredTree>> open(ChunkStore& store, const DomainKeys& keys,
                                                  const Hash& root);

  uint64_t volume_bytes() const { return volume_bytes_; }
  const Hash& tree_root() const { return tree_root_; }
  // All zero children where there is nothing. Requires a level from 1 to the tree's height.
  Result<NodeBytes> node(uint8_t level, uint64_t index);
  // Of any index; the zero id past the end.
  Result<Hash> chunk(uint64_t index);

 private:
  StoredTree(ChunkStore& store, const DomainKeys& keys, uint64_t volume_bytes, const Hash& root);

  struct Kept {
    std::optional<uint64_t> index;
    NodeBytes bytes{};
  };
  Result<const NodeBytes*> find(uint8_t level, uint64_t index);
  Result<void> read(uint8_t level, const Hash& id, NodeBytes& into);

  ChunkStore& store_;
  const DomainKeys keys_;
  const uint64_t volume_bytes_;
  const Hash tree_root_;
  std::vector<Kept> way_;  // [0] = level 1
};

}  // namespace ashlar
