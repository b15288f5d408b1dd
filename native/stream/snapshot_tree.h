// The tree of a snapshot that a store holds, read node by node. Keeps a bounded number of nodes.
// Thread: one at a time.
#pragma once

#include <map>

#include "seal/tree_place.h"
#include "store/chunk_store.h"

namespace ashlar {

class SnapshotTree {
 public:
  SnapshotTree(ChunkStore& store, const ManifestFields& manifest)
      : store_(store), manifest_(manifest), height_(tree_height(manifest.volume_bytes)) {}

  // The zero id where the tree is zero or ends. Errors as of node().
  Result<Hash> id_at(const TreePlace& place);
  // A node, its frame's CRC checked; null where the tree is zero or ends. Good until the next call.
  // kNotFound, kCorrupt: it or one above it cannot be read.
  Result<const NodeBytes*> node(const TreePlace& place);

 private:
  ChunkStore& store_;
  const ManifestFields manifest_;
  const uint8_t height_;
  std::map<TreePlace, NodeBytes> nodes_;
};

// One node of a store, its frame's CRC checked. kNotFound, kCorrupt.
Result<NodeBytes> read_node(ChunkStore& store, const Hash& id);

}  // namespace ashlar
