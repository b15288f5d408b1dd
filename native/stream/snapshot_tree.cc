#include "stream/snapshot_tree.h"

#include <algorithm>

namespace ashlar {
namespace {

constexpr size_t kNodesKept = 4096;  // 8 MiB

}  // namespace

Result<NodeBytes> read_node(ChunkStore& store, const Hash& id) {
  const ChunkStore::Stored stored = TRY(store.read(id));
  NodeBytes bytes;
  if (stored.kind != FrameKind::kNode || stored.bytes.size() != bytes.size()) {
    return error(Code::kCorrupt, "the store holds no node under " + to_hex(id));
  }
  std::copy(stored.bytes.begin(), stored.bytes.end(), bytes.begin());
  return bytes;
}

Result<Hash> SnapshotTree::id_at(const TreePlace& place) {
  if (place.level == height_ && place.index == 0) return manifest_.tree_root;
  if (place.level >= height_) return Hash{};
  const NodeBytes* parent = TRY(node(place.parent()));
  return parent ? child_id(*parent, place.index % kFanOut) : Hash{};
}

Result<const NodeBytes*> SnapshotTree::node(const TreePlace& place) {
  const auto kept = nodes_.find(place);
  if (kept != nodes_.end()) return &kept->second;
  const Hash id = TRY(id_at(place));
  if (is_zero(id)) return static_cast<const NodeBytes*>(nullptr);
  const NodeBytes bytes = TRY(read_node(store_, id));
  if (nodes_.size() >= kNodesKept) nodes_.clear();
  return static_cast<const NodeBytes*>(&(nodes_[place] = bytes));
}

}  // namespace ashlar
